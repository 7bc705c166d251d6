"""Tokens to chains of relations: which expressions a text claims to be equal, or one less than the other.

In `She eats 2 eggs * 3 = 6 eggs a day` the words before the expression are left out, the words after a number are its
unit. Precision goes first: a side that may have lost a part of itself (`twice 5 + 3`, `… than 3 * 4`, a sign without an
operand) is read, but not clean, and a claim about it may hold and never fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracewright.pipeline.steps import operands
from tracewright.pipeline.steps.chains import Chain, Side, make_side
from tracewright.pipeline.steps.grammar import parse
from tracewright.pipeline.steps.lexer import (
    BREAK,
    CLOSE,
    COMMAND,
    LETTER,
    MODULUS,
    MONEY,
    NAME,
    OPEN,
    OPERATOR,
    PERCENT,
    RELATION,
    STOP,
    Token,
)
from tracewright.pipeline.steps.operands import Segment
from tracewright.pipeline.steps.trees import Operation

MAX_CHAIN_SIDES = 60


def read_chains(tokens: Sequence[Token], follows: str) -> list[Chain]:
    """The chains in the tokens, in order; `follows` is what stood before the first token."""
    chains: list[Chain] = []
    for statement, before in _split_statements(_open_brackets(tokens), follows):
        chains.extend(_read_statement(statement, before))
    return _share_modulus(chains)


def _share_modulus(chains: list[Chain]) -> list[Chain]:
    """Congruences below each other name their modulus once, behind the last of them."""
    modulus = None
    for index in range(len(chains) - 1, -1, -1):
        chain = chains[index]
        if chain.modulus is not None:
            modulus = chain.modulus
        elif modulus is not None and "mod" in chain.relations:
            chains[index] = chain._replace(modulus=modulus)
    return chains


def read_expressions(tokens: Sequence[Token]) -> list[Side]:
    """All expressions with an operator among the tokens, whether a relation stands beside them or not."""
    sides: list[Side] = []
    for statement, _ in _split_statements(_open_brackets(tokens), "\n"):
        members, _relations = _split_members(statement)
        for member in members:
            sides.extend(
                side
                for segment in operands.read_segments(member)
                if (side := _make_side(segment)) is not None and isinstance(side.trees[0], Operation)
            )
    return sides


def _open_brackets(tokens: Sequence[Token]) -> list[Token]:
    """Brackets around a whole claim become breaks, unmatched ones stops, braces around a relation one stop."""
    result = list(tokens)
    stack: list[int] = []
    relations: list[bool] = []
    for index, token in enumerate(tokens):
        if token.kind == OPEN:
            stack.append(index)
            relations.append(False)
        elif token.kind == RELATION and relations:
            relations[-1] = True
        elif token.kind == CLOSE:
            if not stack:
                result[index] = token._replace(kind=STOP)
                continue
            start, has_relation = stack.pop(), relations.pop()
            if has_relation:
                _open_pair(result, start, index, is_call=_is_call(tokens, start))
    for index in stack:
        result[index] = tokens[index]._replace(kind=STOP)
    return result


def _is_call(tokens: Sequence[Token], start: int) -> bool:
    """`P(X = 2)`: the relation in the brackets is no claim but what the function is of."""
    previous = tokens[start - 1] if start else None
    return previous is not None and previous.kind in (NAME, LETTER, COMMAND) and previous.end == tokens[start].start


def _open_pair(tokens: list[Token], start: int, end: int, *, is_call: bool) -> None:
    if is_call or tokens[start].text == "{":
        for index in range(start, end + 1):
            tokens[index] = tokens[index]._replace(kind=STOP)
        return
    tokens[start] = tokens[start]._replace(kind=BREAK)
    tokens[end] = tokens[end]._replace(kind=BREAK)


def _split_statements(tokens: Sequence[Token], follows: str) -> list[tuple[list[Token], str]]:
    """Statements, with the break that stands before each."""
    statements: list[tuple[list[Token], str]] = []
    current: list[Token] = []
    depth = 0
    before = follows
    for token in tokens:
        if token.kind == BREAK and token.text == "." and current and current[-1].kind == OPERATOR:
            # `.8 + . 84`: a point after a sign ends no sentence.
            token = token._replace(kind=STOP)
        if token.kind == BREAK and (depth == 0 or token.text == "\n"):
            if current:
                statements.append((current, before))
                current, before = [], token.text
            elif token.text != ",":
                before = token.text
            depth = 0
            continue
        # A bracket whose partner was left behind (the arrow in `\\lim_{x \\to 3}`) closes nothing here.
        depth = max(0, depth + (token.kind == OPEN) - (token.kind == CLOSE))
        current.append(token)
    if current:
        statements.append((current, before))
    return statements


def _split_members(statement: Sequence[Token]) -> tuple[list[list[Token]], list[Token]]:
    members: list[list[Token]] = [[]]
    relations: list[Token] = []
    for token in statement:
        if token.kind == RELATION and len(relations) < MAX_CHAIN_SIDES:
            relations.append(token)
            members.append([])
        else:
            members[-1].append(token)
    return members, relations


def _read_statement(statement: list[Token], before: str) -> list[Chain]:
    if all(token.kind != RELATION for token in statement):
        return []
    moduli = [token for token in statement if token.kind == MODULUS]
    modulus = int(moduli[0].text) if moduli else None
    members, relations = _split_members([token for token in statement if token.kind != MODULUS])
    follows = before if not members[0] else ""
    chains: list[Chain] = []
    sides: list[Side | None] = [_first_side(operands.read_segments(members[0]), before)]
    names: list[str] = []
    start = statement[0].start
    for index, relation in enumerate(relations, start=1):
        segments = operands.read_segments(members[index], is_result=True)
        first = segments[0] if segments and segments[0].touches_left else None
        names.append("~" if first is not None and first.is_approximate and relation.text == "=" else relation.text)
        sides.append(None if first is None else _make_side(first))
        is_whole = len(segments) == 1 and first is not None and first.touches_right
        if index < len(relations) and not is_whole and segments:
            chains.append(_make_chain(sides, names, start, relation, follows, modulus))
            sides, names, follows = [_last_side(segments)], [], ""
            start = segments[-1].tokens[0].start if segments[-1].tokens else relation.end
    chains.append(_make_chain(sides, names, start, relations[-1], follows, modulus))
    return chains


def _make_chain(
    sides: list[Side | None], names: list[str], start: int, last: Token, follows: str, modulus: int | None
) -> Chain:
    known = [side for side in sides if side is not None]
    first = known[0].start if known and sides[0] is not None else start
    end = max([last.end, *(side.end for side in known)])
    return Chain(tuple(sides), tuple(names), first, end, modulus, follows)


def _first_side(segments: list[Segment], before: str) -> Side | None:
    """The side before the first relation; a dash at the beginning of the line may be a bullet or its sign."""
    side = _last_side(segments)
    if side is None or before != "-" or len(segments) != 1:
        return side
    sign = Token(OPERATOR, "-", side.start, side.start)
    return side._replace(trees=(*side.trees, *parse([sign, *segments[0].tokens])))


def _last_side(segments: list[Segment]) -> Side | None:
    return _make_side(segments[-1]) if segments and segments[-1].touches_right else None


def _make_side(segment: Segment) -> Side | None:
    trees = parse(segment.tokens)
    if not trees:
        return None
    has_mark = any(token.kind in (MONEY, PERCENT) for token in segment.tokens)
    return make_side(
        segment.tokens[0].start,
        segment.tokens[-1].end,
        trees,
        is_clean=segment.is_clean,
        has_unit=segment.has_unit or has_mark,
        has_lead_in=segment.has_lead_in,
    )
