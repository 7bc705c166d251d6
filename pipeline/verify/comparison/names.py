"""What an answer says about which name: `x = 7`, `(p, q) = (3, 2)`, `x = 1 or x = 2`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracewright.pipeline.verify.grammar.nodes import (
    CONSTANTS,
    Apply,
    Call,
    Group,
    Listing,
    Node,
    Number,
    Relation,
    Symbol,
    Words,
    free_symbols,
    map_children,
    walk,
)


@dataclass(frozen=True, slots=True)
class Named:
    """A value and the name it is given; None where it has none."""

    name: str | None
    value: Node


def name_of(node: Node) -> str | None:
    """What the node calls something: `x`, `f(x)`, `x_1`, `AB`, `|AB|`, `A:B`, `(p, q)`, `Area`; None if it does not."""
    match node:
        case Symbol(name):
            return None if name in CONSTANTS and name not in "ei" else name
        case Words(text):
            return text.casefold()
        case Call(name, (Apply("∪" | "∩" | "∖") as event,)):
            return f"{name}({event})"
        case Call(name, arguments):
            inner = [_argument_name(argument) for argument in arguments]
            return None if None in inner else f"{name}({','.join(map(str, inner))})"
        case Apply("abs" | "ratio" as operator, arguments):
            return _joined(operator, arguments)
        case Apply("/", (Apply("*", (Symbol("d"), Symbol(name))), Apply("*", (Symbol("d"), Symbol(variable))))):
            return f"{name}'" if variable == "x" else f"d{name}/d{variable}"
        case Apply("*", (Apply("^", (Symbol(name), Apply("neg", (Number(),)))), argument)):
            return _joined(f"{name}^-1", (argument,))
        case Apply("*", arguments) if all(_is_capital(argument) for argument in arguments):
            return _joined("", arguments)
        case Group("(", ")", items):
            return _joined("()", items)
        case _:
            return None


def _joined(prefix: str, nodes: Sequence[Node]) -> str | None:
    inner = [name_of(node) for node in nodes]
    return None if None in inner else f"{prefix}{','.join(map(str, inner))}"


def _argument_name(node: Node) -> str | None:
    return str(node.value) if isinstance(node, Number) else name_of(node)


def _is_capital(node: Node) -> bool:
    return isinstance(node, Symbol) and node.name[0].isupper()


def split_name(node: Node) -> Named:
    """The value that an answer assigns, with its name; other nodes have no name.

    Of a chain, the first operand may be the name and the last one is the value: `x = 3 + 4 = 7`. What stands behind
    `≈` is left out where something exact stands before it.
    """
    if not isinstance(node, Relation) or not set(node.operators) <= {"=", "≈", "∈"}:
        return Named(None, node)
    operands = list(node.operands)
    if node.operators == ("=",) and not free_symbols(operands[0]) and isinstance(operands[1], Symbol):
        # `7 = x` says what `x = 7` does.
        operands.reverse()
    name = name_of(operands[0])
    if name is None and not _is_calculation(node):
        return Named(None, node)
    if name is None and "≈" not in node.operators:
        return Named(None, operands[-1])
    start = 0 if name is None else 1
    exact = start
    while exact < len(operands) - 1 and node.operators[exact] != "≈":
        exact += 1
    return Named(name, operands[exact])


def _is_calculation(relation: Relation) -> bool:
    """Whether no operand holds a variable: `3 + 4 = 7`."""
    return "∈" not in relation.operators and not any(
        isinstance(part, Words | Call) or (isinstance(part, Symbol) and part.name not in CONSTANTS)
        for operand in relation.operands
        for part in walk(operand)
    )


def same_name(a: str, b: str) -> bool:
    """Whether two names are the same: `y` and `f(x)` are what depends on x."""
    if a.casefold() == b.casefold():
        return True
    shorter, longer = sorted((a, b), key=len)
    return shorter == "y" and longer.endswith("(x)")


def with_arguments_of(gold: Node, given: Node) -> Node:
    """The given definition `f(t) = 2t` in the letters of the gold one, `f(x) = 2x`."""
    match gold, given:
        case Relation(_, (Call(name, wanted), *_)), Relation(_, (Call(other, written), *_)) if (
            name == other and len(wanted) == len(written) and not free_symbols(given) & free_symbols(gold)
        ):
            letters = dict(zip(written, wanted, strict=True))
            return _replaced(given, letters) if all(isinstance(letter, Symbol) for letter in letters) else given
        case _:
            return given


def _replaced(node: Node, letters: Mapping[Node, Node]) -> Node:
    return letters.get(node) or map_children(node, lambda part: _replaced(part, letters))


def records_of(items: Sequence[Node]) -> list[dict[str, Node]] | None:
    """The items as records, where all are assignments: a new one begins where a name comes again.

    None where an item has no name.
    """
    records: list[dict[str, Node]] = [{}]
    for item in items:
        for named in _spread(item):
            if named.name is None:
                return None
            if named.name in records[-1]:
                records.append({})
            records[-1][named.name] = named.value
    return records


def _spread(item: Node) -> list[Named]:
    """`(x, y) = (1, 2)` as two assignments."""
    named = split_name(item)
    if isinstance(item, Relation) and isinstance(item.operands[0], Group) and isinstance(named.value, Group):
        names = [name_of(name) for name in item.operands[0].items]
        if len(names) == len(named.value.items):
            return [Named(name, value) for name, value in zip(names, named.value.items, strict=True)]
    return [named]


def shared_name(items: Sequence[Node]) -> list[Node] | None:
    """The values where one name is given to all items: `x = 1, x = 2` and `x = 1, 2`; None where it is not so."""
    named = [split_name(item) for item in items]
    first = named[0].name if named else None
    if first is None or any(item.name not in (first, None) for item in named):
        return None
    return [item.value for item in named]


def indexed_base(names: Sequence[str]) -> bool:
    """Whether the names are one letter with the subscripts 1, 2, 3 …: solutions in no order that matters."""
    bases = {name.split("_(")[0] for name in names if "_(" in name}
    numbers = sorted(name.split("_(")[1].rstrip(")") for name in names if "_(" in name)
    return len(bases) == 1 and numbers == [str(number) for number in range(1, len(names) + 1)]


def spread_signs(node: Node) -> Node:
    """`a ± b` as the two values it stands for; all signs of an item go together, `∓` the other way."""
    match node:
        case Listing(items, alternative):
            return Listing(_spread_items(items), alternative)
        case Group("{", right, items):
            return Group("{", right, _spread_items(items))
        case _ if any(isinstance(part, Apply) and part.name in ("±", "∓") for part in walk(node)):
            return Listing((_choose(node, "+"), _choose(node, "-")), alternative=True)
        case _:
            return node


def _spread_items(items: Sequence[Node]) -> tuple[Node, ...]:
    spread: list[Node] = []
    for item in items:
        part = spread_signs(item)
        spread.extend(part.items if isinstance(part, Listing) else (part,))
    return tuple(spread)


def _choose(node: Node, sign: str) -> Node:
    match node:
        case Apply("±" | "∓" as operator, arguments):
            chosen: list[Node] = [_choose(argument, sign) for argument in arguments]
            if (operator == "±") == (sign == "-"):
                chosen[-1] = Apply("neg", (chosen[-1],))
            return chosen[0] if len(chosen) == 1 else Apply("+", tuple(chosen))
        case _:
            return map_children(node, lambda part: _choose(part, sign))
