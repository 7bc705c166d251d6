"""The grammar of LaTeX commands: fractions, roots, matrices, sums, integrals, limits."""

from __future__ import annotations

from abc import abstractmethod

from tracewright.pipeline.verify.failures import UnreadableError
from tracewright.pipeline.verify.grammar.expressions import ExpressionParser
from tracewright.pipeline.verify.grammar.nodes import Apply, Group, Listing, Matrix, Node, Symbol
from tracewright.pipeline.verify.grammar.tokens import Kind
from tracewright.pipeline.verify.grammar.vocabulary import BLACKBOARD, MATRIX_ENVIRONMENTS
from tracewright.pipeline.verify.grammar.written_numbers import read_number
from tracewright.pipeline.verify.limits import MAX_LIST_ITEMS

_LINES = frozenset({"cases", "align*", "align", "aligned", "gather*", "gathered"})


class CommandParser(ExpressionParser):
    """Reads values in which LaTeX commands stand."""

    @abstractmethod
    def relation(self) -> Node:
        """Operands with `=`, `<`, `∈` and their like between them."""

    def command(self) -> Node:
        name = self.advance().text
        match name:
            case "frac":
                return Apply("/", (self.argument(), self.argument()))
            case "binom":
                return Apply("binomial", (self.argument(), self.argument()))
            case "sqrt":
                return self._root()
            case "overline":
                return _overlined(self.argument())
            case "mathbb":
                return self._named_set()
            case "sum" | "prod":
                return self._iterated(name)
            case "int":
                return self._integral()
            case "lim":
                return self._limit()
            case "begin":
                return self.environment()
            case _:
                raise UnreadableError(f"\\{name} has no value")

    def _root(self) -> Node:
        degree: Node | None = None
        if self.accept("["):
            degree = self.sum()
            self.expect("]")
        with self.nested():
            if self.at("{", "("):
                radicand = self.bracketed()
            else:
                radicand = read_number(self.advance()) if self.token.kind is Kind.NUMBER else self.atom()
        if isinstance(radicand, Group) and degree is None and len(radicand.items) == 2:
            radicand, degree = radicand.items
        return Apply("sqrt", (radicand,) if degree is None else (radicand, degree))

    def _named_set(self) -> Node:
        self.expect("{")
        letter = self.advance().text
        self.expect("}")
        if letter not in BLACKBOARD:
            raise UnreadableError(f"no set of numbers is called {letter!r}")
        return Symbol(BLACKBOARD[letter])

    def _iterated(self, name: str) -> Node:
        self.expect("_")
        self.expect("{")
        index = self._bound_letter()
        self.expect("=")
        first = self.sum()
        self.expect("}")
        self.expect("^")
        last = self.argument_in_full()
        with self.nested():
            return Apply(name, (self._product(), index, first, last))

    def argument_in_full(self) -> Node:
        """As `argument`, with a number of any length."""
        return read_number(self.advance()) if self.token.kind is Kind.NUMBER else self.argument()

    def _bound_letter(self) -> Symbol:
        token = self.advance()
        if token.kind is not Kind.LETTER and token.text != "i":
            raise UnreadableError("an index is a letter")
        return Symbol(token.text)

    def _integral(self) -> Node:
        self.expect("_")
        first = self.argument()
        self.expect("^")
        last = self.argument()
        with self.nested():
            self.integrals += 1
            body = self.sum()
            self.integrals -= 1
        if self.advance().text != "d":
            raise UnreadableError("an integral without its variable")
        return Apply("int", (body, self._bound_letter(), first, last))

    def _limit(self) -> Node:
        self.expect("_")
        self.expect("{")
        variable = self._bound_letter()
        self.expect("→")
        point = self.sum()
        self.expect("}")
        with self.nested():
            return Apply("lim", (self._product(), variable, point))

    def environment(self) -> Node:
        """A matrix, from after its `\\begin`; of `vmatrix` the determinant."""
        name = self._environment_name()
        if name in _LINES:
            return self._lines(name)
        if name not in MATRIX_ENVIRONMENTS:
            raise UnreadableError(f"can't read the environment {name!r}")
        if name == "array":
            self._skip_columns()
        rows = self._rows()
        self._environment_name()
        matrix = Matrix(rows)
        return Apply("det", (matrix,)) if name in ("vmatrix", "Vmatrix") else matrix

    def _lines(self, name: str) -> Node:
        """All lines of a system of equations, or the last one of a calculation."""
        lines: list[Node] = []
        while not (self.token.kind is Kind.COMMAND and self.token.text == "end"):
            start = self._position
            while self._tokens[self._position].kind is not Kind.END and not self.at("\\\\"):
                if self.at("&"):
                    del self._tokens[self._position]
                elif self.token.kind is Kind.COMMAND and self.token.text == "end":
                    break
                else:
                    self.advance()
            self._position = start
            if not self.accept("\\\\"):
                # `x &= 3 + 8 \\\\ &= 11`: a line goes on with the left side of the one above.
                self.accept("=", "≈")
                lines.append(self.relation())
        self.advance()
        self._environment_name()
        return Listing(tuple(lines)) if name == "cases" else lines[-1]

    def _environment_name(self) -> str:
        self.expect("{")
        name = ""
        while not self.at("}") and self.token.kind is not Kind.END:
            name += self.advance().text
        self.expect("}")
        return name

    def _skip_columns(self) -> None:
        self.expect("{")
        while not self.accept("}"):
            if self.advance().kind is Kind.END:
                raise UnreadableError("an array without columns")

    def _rows(self) -> tuple[tuple[Node, ...], ...]:
        rows: list[list[Node]] = [[]]
        while not (self.token.kind is Kind.COMMAND and self.token.text == "end"):
            if self.accept("\\\\"):
                rows.append([])
            elif not self.accept("&"):
                rows[-1].append(self.sum())
            if len(rows) * len(rows[0]) > MAX_LIST_ITEMS or self.token.kind is Kind.END:
                raise UnreadableError("a matrix that has no end or too many entries")
        self.advance()
        filled = [row for row in rows if row]
        if not filled or any(len(row) != len(filled[0]) for row in filled):
            raise UnreadableError("a matrix with rows of different lengths")
        return tuple(tuple(row) for row in filled)


def _overlined(node: Node) -> Node:
    """A line over capitals names a segment, and over anything else it means the conjugate."""
    if isinstance(node, Symbol) and node.name.islower():
        return Symbol(f"{node.name}\u0304")
    letters = node.arguments if isinstance(node, Apply) and node.name == "*" else (node,)
    is_segment = all(isinstance(letter, Symbol) and letter.name.isupper() for letter in letters)
    return node if is_segment else Apply("conj", (node,))
