"""Letters before parentheses: unknown functions, as in `f(x)`, or factors, as in `x(x+1)`."""

from __future__ import annotations

from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Node, Symbol, map_children, walk


def function_letters(*nodes: Node) -> frozenset[str]:
    """The letters that stand before parentheses and nowhere else: functions. Others are factors there."""
    parts = [part for node in nodes for part in walk(node)]
    called = {part.name for part in parts if isinstance(part, Call) and not part.name.endswith("_")}
    return frozenset(called - {part.name for part in parts if isinstance(part, Symbol)})


def has_unknown_values(node: Node, functions: frozenset[str]) -> bool:
    """Whether an unknown function or a subscripted letter stands in it."""
    calls = [part for part in walk(node) if isinstance(part, Call)]
    return any(call.name.endswith("_") or call.name in functions or len(call.arguments) != 1 for call in calls)


def bind_factors(node: Node, functions: frozenset[str]) -> Node:
    """The node with `x(x+1)^2` and `n(n-1)!` read as products, where the letter is no function.

    The parser can't know: of `f(x)^2` the whole value is squared.
    """
    match node:
        case Apply("^" | "factorial" as name, (Call(letter, (argument,)), *rest)) if _is_factor(letter, functions):
            bound = Apply(name, (bind_factors(argument, functions), *(bind_factors(part, functions) for part in rest)))
            return Apply("*", (Symbol(letter), bound))
        case _:
            return map_children(node, lambda part: bind_factors(part, functions))


def _is_factor(letter: str, functions: frozenset[str]) -> bool:
    return not letter.endswith("_") and letter not in functions
