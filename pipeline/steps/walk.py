"""The check of one step against what is known before it."""

from __future__ import annotations

from tracewright.pipeline.steps.annotations import check_annotation
from tracewright.pipeline.steps.answers import find_answer
from tracewright.pipeline.steps.chains import Chain, Comparison, Side
from tracewright.pipeline.steps.claims import Claim, Finding, make_claim, quote, summarize
from tracewright.pipeline.steps.comparison import compare
from tracewright.pipeline.steps.corrections import withdraw_within
from tracewright.pipeline.steps.definitions import check_template, is_miscopied
from tracewright.pipeline.steps.equations import IDENTITY
from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.excuses import Place, excuse
from tracewright.pipeline.steps.final import check_answer
from tracewright.pipeline.steps.memory import Memory, Standing
from tracewright.pipeline.steps.miscopies import check_copies
from tracewright.pipeline.steps.reading import MAX_STEP_CHARACTERS, StepReading, read_step
from tracewright.pipeline.steps.refutation import Refuter
from tracewright.pipeline.steps.sources import find_references, find_sources
from tracewright.pipeline.steps.trees import Name, Operation, iterate_nodes
from tracewright.pipeline.steps.values import Number, UndefinedValueError
from tracewright.pipeline.steps.worked import check_worked_line
from tracewright.schemas import CheckOutcome, StepCheck

MAX_CLAIMS_PER_STEP = 400
_NO_CONTINUATION = {"", ")", "]", "}"}
"""What stands before a relation that continues nothing."""
_LOST_CHAIN = "the step goes on from a line that is no expression"


def check_step(memory: Memory, index: int, text: str, following: str = "") -> Finding:
    """Check the step with this index and remember what it says; `following` is how the next one begins."""
    finding = check_worked_line(memory, index, text)
    if finding is not None:
        return finding
    reading = read_step(text)
    if reading is None:
        reason = f"the step has {len(text)} characters; steps of up to {MAX_STEP_CHARACTERS} are checked"
        return Finding(StepCheck(outcome=CheckOutcome.UNCHECKED, reason=reason), (), ())
    return _StepWalk(memory, index, text, reading, following).run()


class _StepWalk:
    def __init__(self, memory: Memory, index: int, text: str, reading: StepReading, following: str) -> None:
        self._memory = memory
        self._index = index
        self._text = text
        self._reading = reading
        self._following = following
        self._claims: list[Claim] = []
        self._depends: set[int] = set()
        self._results: list[Number] = []
        self._lost_chain = False
        self._refuter = Refuter(text, is_formula=reading.has_formulas)

    def run(self) -> Finding:
        memory, text, reading, claims = self._memory, self._text, self._reading, self._claims
        memory.has_formulas = memory.has_formulas or reading.has_formulas
        self._depends |= find_sources(memory, reading)
        self._depends |= find_references(memory, self._index, text)
        for offset, content in reading.pieces:
            if content.is_malformed and memory.question.is_plain:
                self._refuse(offset)
                continue
            for chain in content.chains:
                if len(claims) < MAX_CLAIMS_PER_STEP:
                    self._check_chain(offset, chain)
        for annotation in reading.annotations:
            found, result = check_annotation(memory, text, annotation)
            claims += found
            if result is not None:
                self._results.append(result)
                memory.produce(result, self._index)
        if not memory.has_formulas:
            claims += check_copies(memory, text, reading)
        self._check_whole()
        memory.texts.append(text)
        for _, content in reading.pieces:
            # Where it is an operand it was not found here.
            memory.mention(content.mentioned, None if content.chains else self._index)
        check = summarize(claims)
        if check.outcome is CheckOutcome.FAILS:
            claims = withdraw_within(text, claims)
            check = summarize(claims)
            memory.has_failed = memory.has_failed or check.outcome is CheckOutcome.FAILS
        if self._lost_chain and check.outcome is CheckOutcome.HOLDS:
            check = StepCheck(outcome=CheckOutcome.UNCHECKED, reason=_LOST_CHAIN, claims=check.claims)
        return Finding(check, tuple(sorted(self._depends)), tuple(claims))

    def _check_whole(self) -> None:
        """What is said of the question as a whole: how its parts go together, and the answer."""
        template = check_template(self._memory, self._text)
        if template is not None and template.outcome is CheckOutcome.FAILS:
            self._memory.doubtful = (self._index, template)
        elif template is not None:
            self._claims.append(template)
        answer = find_answer(self._text)
        if answer is not None:
            claim = check_answer(self._memory, self._index, self._text, answer, self._results)
            if claim is not None:
                self._claims.append(claim)
                self._depend_on_value(evaluate(answer.side.trees[0], {}))

    def _refuse(self, offset: int) -> None:
        """A part of a worked line that is no arithmetic fails, and the chain can't be followed through it."""
        part = self._text[offset:].split("\n", 1)[0].split(";", 1)[0]
        start, end = offset + len(part) - len(part.lstrip()), offset + len(part.rstrip())
        reason = f"{quote(part)}: no equation and no expression, so that it is equal to nothing"
        self._claims.append(Claim(self._text[start:end], start, end, CheckOutcome.FAILS, reason))
        self._memory.is_broken = True

    def _check_chain(self, offset: int, chain: Chain) -> None:
        only = chain.comparisons[0] if len(chain.comparisons) == 1 and chain.relations[0] == "=" else None
        if only is not None and only.outcome is CheckOutcome.HOLDS:
            self._take_equation(offset, chain, only)
            return
        left, left_text = chain.sides[0], ""
        if left is not None:
            left_text = self._cut(offset, left)
            self._depend_on_names(left)
        elif chain.follows not in _NO_CONTINUATION:
            left, left_text = self._find_continued(chain.follows)
        last: Number | None = None
        for place, relation in enumerate(chain.relations):
            right = chain.sides[place + 1]
            if right is None:
                left = None
                continue
            right_text = self._cut(offset, right)
            self._depend_on_names(right)
            comparison = None
            if left is not None:
                comparison = self._compare(offset, chain, place, left, right)
                if chain.follows == ";" and place == 0 and chain.sides[0] is None:
                    comparison = self._mend_chain(comparison)
                start = offset + (chain.start if left is not chain.sides[0] else left.start)
                end = offset + right.end
                texts = left_text, relation, right_text
                self._claims.append(make_claim(self._text, min(start, end), end, texts, comparison))
            if relation in ("=", "~"):
                value = None if comparison is None else comparison.right
                last = self._evaluate(right) if value is None else value
            left, left_text = right, right_text
        self._check_definition(chain, offset)
        self._conclude(offset, chain, last)

    def _mend_chain(self, comparison: Comparison) -> Comparison:
        """What is not equal to the chain before its broken line may still follow from that line: nothing is said."""
        memory = self._memory
        if not memory.is_broken:
            return comparison
        memory.is_broken = False
        if comparison.outcome is CheckOutcome.HOLDS:
            return comparison
        self._lost_chain = True
        return comparison._replace(outcome=CheckOutcome.UNCHECKED, note=_LOST_CHAIN)

    def _take_equation(self, offset: int, chain: Chain, comparison: Comparison) -> None:
        """The most frequent case in short: one equation without names that holds."""
        left, right = chain.sides
        if left is None or right is None:
            return
        text, start, end = self._text, offset + left.start, offset + right.end
        subject = text[start : offset + left.end]
        self._claims.append(Claim(text[start:end], start, end, CheckOutcome.HOLDS, "holds", subject))
        memory, index = self._memory, self._index
        memory.tail = Standing(right, text[offset + right.start : end], index)
        if comparison.right is not None:
            self._results.append(comparison.right)
            memory.produce(comparison.right, index)
            memory.last_equation = subject, comparison.right

    def _compare(self, offset: int, chain: Chain, place: int, left: Side, right: Side) -> Comparison:
        """The outcome of one relation of a chain, with its excuses and with what it may follow from."""
        memory, relation = self._memory, chain.relations[place]
        comparison = chain.comparisons[place]
        if comparison is None:
            defined = () if memory.has_formulas else memory.definitions
            comparison = compare(left, relation, right, memory.names, modulus=chain.modulus, defined=defined)
        if comparison.outcome is CheckOutcome.FAILS:
            following = chain.sides[place + 2] if place + 2 < len(chain.sides) else None
            before = chain.relations[place - 1] if place else ""
            comparison = excuse(
                comparison,
                Place(self._text, offset, left, right, following, before, self._following, self._reading.has_formulas),
                self._reading.annotations,
            )
        if not (left.names or right.names or comparison.left is None):
            return comparison
        comparison = self._derive(left, relation, right, comparison)
        if relation == "=" and chain.modulus is None:
            where = Place(self._text, offset, left, right, None, "", self._following)
            comparison = self._refuter.refute(comparison, where, offset + chain.end, is_continued=place > 0)
        if comparison.outcome is not CheckOutcome.FAILS:
            memory.equations.add(left.trees[0], relation, right.trees[0], self._index)
        return comparison

    def _check_definition(self, chain: Chain, offset: int) -> None:
        """A name that was defined before must stand for the same expression; else it is defined here."""
        first, second = chain.sides[0], chain.sides[1]
        if first is None or not first.names or second is None or not isinstance(first.trees[0], Name):
            return
        if (
            self._memory.has_formulas
            or not first.is_clean
            or second.names
            or chain.relations[0] != "="
            or second.decimals is not None
        ):
            return
        name = first.trees[0].text
        if is_miscopied(self._memory, name, second):
            start, end = offset + first.start, offset + second.end
            reason = f"{quote(self._text[start:end])}: {name} was defined as another expression before"
            self._claims.append(Claim(self._text[start:end], start, end, CheckOutcome.FAILS, reason))
        self._memory.definitions[name] = second.trees[0]

    def _derive(self, left: Side, relation: str, right: Side, comparison: Comparison) -> Comparison:
        """An equation that can't be compared may be an identity or follow from what is known."""
        equations = self._memory.equations
        if comparison.outcome is CheckOutcome.UNCHECKED:
            source = equations.prove(left.trees[0], relation, right.trees[0])
            if source is not None:
                comparison = Comparison(CheckOutcome.HOLDS)
                if source != IDENTITY and source != self._index:
                    self._depends.add(source)
        return comparison

    def _conclude(self, offset: int, chain: Chain, last: Number | None) -> None:
        """Remember what the chain came to."""
        memory, side, first = self._memory, chain.sides[-1], chain.sides[0]
        standing = None
        if side is not None:
            standing = Standing(side, self._text[offset + side.start : offset + side.end], self._index)
        if chain.follows == ";":
            memory.worked = standing
        else:
            memory.tail = standing
        if last is None:
            return
        is_named = first is not None and _is_named(first)
        if is_named and len(chain.sides) == 2 and side is not None and side.decimals is not None:
            # `So f(f(2)) = 22`: what an earlier step arrived at is said to be this.
            self._depend_on_value(last)
        if chain.follows != ";":
            self._results.append(last)
            memory.produce(last, self._index)
            if first is not None:
                memory.last_equation = self._cut(offset, first), last
        if first is not None and first.is_clean and isinstance(first.trees[0], Name):
            memory.define(first.trees[0].text, last, self._index)

    def _find_continued(self, follows: str) -> tuple[Side | None, str]:
        """What a claim without a left side continues: `; = …` the question's chain, a new line what stood before it."""
        memory = self._memory
        standing = memory.worked if follows == ";" or memory.tail is None else memory.tail
        if standing is None or (standing is memory.tail and standing.step < self._index - 1):
            return None, ""
        if standing.step != self._index:
            self._depends.add(standing.step)
        return standing.read(), standing.text

    def _cut(self, offset: int, side: Side) -> str:
        return self._text[offset + side.start : offset + side.end]

    def _evaluate(self, side: Side) -> Number | None:
        try:
            return evaluate(side.trees[0], self._memory.names)
        except UndefinedValueError:
            return None

    def _depend_on_names(self, side: Side) -> None:
        if not side.names:
            return
        for name in side.names:
            step = self._memory.name_steps.get(name)
            if step is not None and step != self._index:
                self._depends.add(step)

    def _depend_on_value(self, value: Number) -> None:
        step = self._memory.find_source(value)
        if step is not None and step != self._index:
            self._depends.add(step)


def _is_named(side: Side) -> bool:
    """Whether it names something, as `x` and `f(2)` do, and is not only worked out."""
    return any(
        isinstance(node, Name) or (isinstance(node, Operation) and node.operator.startswith("call:"))
        for node in iterate_nodes(side.trees[0])
    )
