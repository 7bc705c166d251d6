"""Nothing in the room evaluates text: no `eval`, no parser of sympy's, no comparison that parses its argument."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).resolve().parents[3] / "pipeline" / "verify"
HARNESS = "harness.py"
"""The one file that runs a program: in a confined process, which is what it is for."""
BANNED = frozenset(
    {"sympify", "parse_expr", "parse_latex", "equals", "eval", "exec", "compile", "__import__", "lambdify"}
)


def evaluating_calls(source: str) -> list[str]:
    """The calls of a module that evaluate text, by name; `re.compile` is none."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(ast.Name(name)) if name in BANNED:
                found.append(name)
            case ast.Call(ast.Attribute(ast.Name(owner), name)) if name in BANNED and owner != "re":
                found.append(f"{owner}.{name}")
            case ast.Call(ast.Attribute(_, ("sympify" | "parse_expr" | "equals" | "parse_latex") as name)):
                found.append(name)
            case _:
                continue
    return found


@pytest.mark.parametrize("call", ["sympy.sympify(text)", "parse_expr(text)", "a.simplify().equals(text)", "eval(text)"])
def test_a_call_that_evaluates_text_is_found(call: str) -> None:
    assert evaluating_calls(call)


def test_no_module_of_the_room_evaluates_text() -> None:
    modules = [path for path in ROOM.rglob("*.py") if path.name != HARNESS]
    assert len(modules) > 20
    assert {path.name: calls for path in modules if (calls := evaluating_calls(path.read_text(encoding="utf-8")))} == {}
