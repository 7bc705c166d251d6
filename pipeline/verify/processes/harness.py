"""A candidate program and its tests, one after the other in this process and in one namespace, as one script has them.

What the tests use is theirs: builtins, and the modules that they import, are put back to what they were before the
candidate ran, and `sys.exit(0)` in the candidate ends no test. What the tests only define is run too: functions
`test_…` that they do not call, the methods of a `unittest.TestCase`, and `check(candidate)` where the candidate is one
function. The candidate's module can be imported as `solution`.

It imports nothing but the standard library: see `code_child`.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_CANDIDATE, _TESTS = "<candidate>", "<tests>"
_CANDIDATE_MODULES = ("solution", "candidate", "submission")
_OWN = "__tests_"
"""Before the names under which the tests find the builtins that they use."""
_PASSIVE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)
"""What runs no test by itself."""
_MAX_REASON_CHARS = 300

Namespace = dict[str, Any]


class FailedError(Exception):
    """The program does not pass; the message says why."""


class UntestedError(Exception):
    """The tests can't say, for a reason that is not the program's; the message names it."""


def run(candidate: str, tests: str) -> None:
    """Run both to the end of the last test.

    Raises:
        FailedError, UntestedError: the program does not pass, or the tests can't say.
        MemoryError: there is too little of it.
    """
    try:
        tree = ast.parse(tests, _TESTS)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UntestedError(f"the tests are no Python program: {error}") from error
    module = ModuleType("__main__")
    # Dataclasses, pickle and unittest look a module up by its name.
    sys.modules["__main__"] = module
    restore = _remember([builtins, *_imported_modules(tree)])
    known_classes = set(_classes())
    _run_candidate(candidate, vars(module))
    restore()
    _offer_for_import(module)
    defined = _Defined(tree, vars(module))
    _name_own_builtins(tree, vars(module))
    _run_tests(lambda: _execute(compile(tree, _TESTS, "exec", dont_inherit=True), vars(module)))
    _run_tests(defined.run)
    if any(_equals_everything(kind) for kind in set(_classes()) - known_classes):
        raise FailedError("the program makes objects that are equal to everything")


def _execute(code: CodeType, namespace: Namespace) -> None:
    # The sandboxed run of a program is what this process is for.
    exec(code, namespace)  # noqa: S102


def _run_candidate(candidate: str, namespace: Namespace) -> None:
    try:
        _execute(compile(candidate, _CANDIDATE, "exec", dont_inherit=True), namespace)
    except (MemoryError, SystemExit) as error:
        # A script may end so, and what it defined is there.
        if isinstance(error, MemoryError):
            raise
    except BaseException as error:
        raise FailedError(_describe("the program raises", error, _CANDIDATE)) from error


def _run_tests(action: Callable[[], None]) -> None:
    try:
        action()
    except (MemoryError, FailedError, UntestedError):
        raise
    except SystemExit as end:
        if end.code not in (None, 0):
            raise FailedError(f"the tests end with status {end.code}") from end
        if not all(_is_of_tests(frame.filename) for frame in traceback.extract_tb(end.__traceback__)):
            raise FailedError("the program ends before its tests do") from end
    except BaseException as error:
        raise FailedError(_describe("the tests raise", error, _TESTS)) from error


def _is_of_tests(filename: str) -> bool:
    """Whether code is of the tests or of a module that they use; what the candidate passes to `exec` has no file."""
    return filename == _TESTS or Path(filename).is_file()


def _describe(what: str, error: BaseException, filename: str) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    where = f" in line {lines[-1]}" if lines else ""
    return f"{what} {type(error).__name__}{where}: {error}"[:_MAX_REASON_CHARS]


def _imported_modules(tree: ast.Module) -> Iterator[ModuleType]:
    """The modules that the tests import; one that is not there is left to them to miss."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    for name in sorted(names - {"__main__", "sys"}):
        with suppress(Exception):
            yield importlib.import_module(name)


def _remember(modules: list[ModuleType]) -> Callable[[], None]:
    """What puts the modules, and the classes in them, back to what they are now."""
    owners = [*modules, *(value for module in modules for value in vars(module).values() if isinstance(value, type))]
    before = [(owner, dict(vars(owner))) for owner in owners]
    builtin, update_builtins = dict(vars(builtins)), builtins.__dict__.update

    def restore() -> None:
        # First of all: what follows needs them.
        update_builtins(builtin)
        sys.settrace(None)
        sys.setprofile(None)
        for owner, contents in before:
            _restore(owner, contents)
        sys.modules.update((module.__name__, module) for module in modules)

    return restore


def _restore(owner: ModuleType | type, contents: Namespace) -> None:
    now = dict(vars(owner))
    for name in now.keys() | contents.keys():
        # Of classes that are written in C nothing can be changed, and so nothing was.
        with suppress(TypeError, AttributeError):
            if name not in contents:
                delattr(owner, name)
            elif now.get(name, owner) is not contents[name]:
                setattr(owner, name, contents[name])


def _offer_for_import(module: ModuleType) -> None:
    for name in _CANDIDATE_MODULES:
        sys.modules.setdefault(name, module)


def _name_own_builtins(tree: ast.Module, namespace: Namespace) -> None:
    """Let the tests use builtins by other names, so that a candidate's `abs` does not stand for theirs.

    Where all that they use of the candidate is called as builtins are, that is what they test: `assert sum(1, 2) == 3`.
    """
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    used = {node.id for node in names} - _bound_names(tree)
    known = {name for name in vars(builtins) if not name.startswith("_")}
    from_candidate = {name for name in used & namespace.keys() if not name.startswith("__")}
    own = used & known - (from_candidate if from_candidate <= known else set())
    for node in names:
        if node.id in own:
            namespace[_OWN + node.id] = vars(builtins)[node.id]
            node.id = _OWN + node.id


def _bound_names(tree: ast.Module) -> set[str]:
    """The names that the tests bind themselves, anywhere."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
            case ast.alias():
                bound.add((node.asname or node.name).partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case _:
                pass
    return bound


class _Defined:
    """The tests that a program defines and does not run itself."""

    def __init__(self, tree: ast.Module, namespace: Namespace) -> None:
        self._namespace = namespace
        self._called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        self._skips = "skip" in ast.unparse(tree).casefold()
        self._names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        self._is_passive = bool(self._names) and all(
            isinstance(node, _PASSIVE) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            for node in tree.body
        )
        self._functions = [
            value for value in namespace.values() if isinstance(value, FunctionType) and _is_top_level(value)
        ]
        if "unittest" in sys.modules:
            # `unittest.main()` ends the process; the methods run after the tests' own code.
            vars(sys.modules["unittest"])["main"] = lambda *_, **__: None

    def run(self) -> None:
        found = [self._namespace[name] for name in self._names if name in self._namespace]
        functions = [value for value in found if isinstance(value, FunctionType) and self._is_test(value)]
        cases = [value for value in found if _is_test_case(value)]
        for function in functions:
            if function.__code__.co_argcount > len(function.__defaults__ or ()):
                raise UntestedError(f"the test {function.__name__} takes arguments that only pytest gives")
            function()
        if cases:
            _run_cases(cases, may_skip=self._skips)
        if self._is_passive and not functions and not cases:
            self._check()

    def _is_test(self, function: FunctionType) -> bool:
        return function.__name__.startswith("test") and function.__name__ not in self._called

    def _check(self) -> None:
        """HumanEval's `check(candidate)`, which takes the function that is asked for."""
        check = self._namespace.get("check") if "check" in self._names else None
        if check is None or len(self._functions) != 1:
            raise UntestedError(f"the tests define {', '.join(self._names)} and run nothing")
        check(self._functions[0])


def _is_top_level(function: FunctionType) -> bool:
    return function.__code__.co_filename == _CANDIDATE and "." not in function.__qualname__


def _is_test_case(value: object) -> bool:
    unittest = sys.modules.get("unittest")
    return unittest is not None and isinstance(value, type) and issubclass(value, unittest.TestCase)


def _run_cases(cases: list[Any], *, may_skip: bool) -> None:
    import unittest

    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases)
    result = unittest.TestResult()
    suite.run(result)
    for test, details in [*result.errors, *result.failures]:
        raise FailedError(f"{test.id()} fails: {details.strip().splitlines()[-1]}"[:_MAX_REASON_CHARS])
    if result.skipped and not may_skip:
        raise FailedError("the program has its tests skipped")
    if not result.wasSuccessful() or not result.testsRun:
        raise FailedError("the tests of a TestCase did not succeed")


def _classes() -> Iterator[type]:
    """All classes that there are."""
    pending = [object]
    seen: set[type] = set()
    while pending:
        kind = pending.pop()
        if kind not in seen:
            seen.add(kind)
            yield kind
            pending.extend(type.__subclasses__(kind))


def _equals_everything(kind: type) -> bool:
    """Whether an object of a class of the candidate says that it equals an object that nobody else has."""
    compare = vars(kind).get("__eq__")
    new: Any = kind.__new__
    if kind.__module__ not in ("__main__", "unittest.mock") or not isinstance(compare, FunctionType):
        return False
    try:
        return compare(new(kind), object()) is True
    except Exception:  # noqa: BLE001 - an object that was not initialised may well raise
        return False
