"""What a student reads: a release's traces as token examples, learnt only where the teacher wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from tracewright.distill.batches import Example
from tracewright.distill.loss_config import TraceConfig
from tracewright.distill.step_weights import weigh_tokens
from tracewright.pipeline.release import Release
from tracewright.schemas import InputError

_COLUMNS = ("trace_id", "messages", "prompt", "completion", "steps", "weight", "level", "confidence")
_SPLIT = "train"


@dataclass(frozen=True)
class Lesson:
    """One released trace: what the student reads and learns, and what the teacher was given for the same completion."""

    example: Example
    teacher_prompt: tuple[int, ...]
    """The same as the example's own, but where the teacher had a system text or another template."""
    trace_id: str = ""
    level: int | None = None
    confidence: float | None = None

    def __len__(self) -> int:
        return len(self.example)

    @property
    def taught(self) -> Example:
        """The completion as the teacher wrote it, under its own prompt."""
        return Example(self.teacher_prompt, self.example.completion)


@dataclass(frozen=True)
class TrainingData:
    """The lessons of a release in its stored order, and what of it is no lesson."""

    lessons: tuple[Lesson, ...]
    left_out: dict[str, int]
    """Rows by the reason for which they are not learnt."""
    digest: str
    """The release's."""

    @property
    def learnt_tokens(self) -> int:
        """Tokens of all completions, each with its end token."""
        return sum(len(lesson.example.completion) for lesson in self.lessons)


def read_lessons(
    release: Release,
    tokenizer: PreTrainedTokenizerBase,
    *,
    levels: Collection[int] | None,
    max_tokens: int,
    trace: TraceConfig | None = None,
) -> TrainingData:
    """The training split as lessons: rows of the levels, of at most `max_tokens` tokens, with a weight above 0.

    `trace` says how much each step's tokens count; a row all of whose tokens count nothing is left out.

    The prompt is the tokenizer's own chat template, so that what is learnt is what an engine will ask. The completion
    is encoded by itself and ends with the end token: an engine's prompt ends where the completion begins, so no token
    may span the two.

    Raises:
        IntegrityError: the release is damaged.
        MissingInputError: it has no training split.
        InputError: no row is left to learn, or the tokenizer has no tokens for a text.
    """
    left_out: Counter[str] = Counter()
    reader = _RowReader(release, tokenizer, trace if trace is not None and trace.by_step else None)
    lessons = tuple(_encode_rows(reader, levels, max_tokens, left_out))
    if not lessons:
        has = ", ".join(sorted(release.manifest.levels)) or "none"
        raise InputError(
            f"{_name(release)} has nothing to learn in its {_SPLIT} split ({_describe(left_out)}), expected rows of "
            f"the levels {sorted(levels) if levels else 'any'}; it has levels {has}: change `levels`, or use another "
            "release"
        )
    return TrainingData(lessons, dict(left_out), release.manifest.digest)


@dataclass(frozen=True)
class _RowReader:
    release: Release
    tokenizer: PreTrainedTokenizerBase
    trace: TraceConfig | None
    """Where it looks at steps."""

    def encode(self, row: dict[str, Any]) -> Lesson:
        """A row as token ids with weights."""
        tokenizer = self.tokenizer
        prompt = str(tokenizer.apply_chat_template(row["messages"][:-1], add_generation_prompt=True, tokenize=False))
        end = int(tokenizer.eos_token_id)  # pyright: ignore[reportArgumentType]
        completion = self._encode(row, row["completion"])
        weights = self._weigh(row) if self.trace else None
        example = Example(self._encode(row, prompt), (*completion, end), row["weight"], weights)
        taught = example.prompt if prompt == row["prompt"] else self._encode(row, row["prompt"])
        return Lesson(example, taught, row["trace_id"], row["level"], row["confidence"])

    def _weigh(self, row: dict[str, Any]) -> tuple[float, ...]:
        if not self.tokenizer.is_fast:
            raise InputError(
                "the tokenizer does not say which characters its tokens stand for, expected a fast one (tokenizer.json)"
                ": leave confidence, checks, boundary and format of losses.trace out, or convert the tokenizer"
            )
        encoded = self.tokenizer(row["completion"], add_special_tokens=False, return_offsets_mapping=True)
        assert self.trace is not None  # noqa: S101
        spans: Any = encoded["offset_mapping"]
        return weigh_tokens(row["completion"], spans, row["steps"], self.trace)

    def _encode(self, row: dict[str, Any], text: str) -> tuple[int, ...]:
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown in ids:
            raise InputError(
                f"{_name(self.release)} holds a text that the tokenizer has no tokens for (trace {row['trace_id']}: "
                f"{_first_unknown(self.tokenizer, text)!r}), expected the tokenizer of its teacher: name that teacher, "
                "or release only rows that its tokenizer can write"
            )
        return tuple(ids)


def _encode_rows(
    reader: _RowReader, levels: Collection[int] | None, max_tokens: int, left_out: Counter[str]
) -> Iterator[Lesson]:
    for row in reader.release.iter_rows(_SPLIT, columns=_COLUMNS):
        if levels is not None and row["level"] not in levels:
            left_out["other level"] += 1
        elif row["weight"] <= 0:
            left_out["weight 0"] += 1
        else:
            lesson = reader.encode(row)
            if len(lesson) > max_tokens:
                left_out["too long"] += 1
            elif not any(lesson.example.weights):
                left_out["no step to imitate"] += 1
            else:
                yield lesson


def _first_unknown(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    for character in text:
        if tokenizer.unk_token_id in tokenizer.encode(character, add_special_tokens=False):
            return character
    return text


def _name(release: Release) -> str:
    return f"{release.manifest.name}@{release.manifest.version}"


def _describe(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} rows: {reason}" for reason, count in left_out.items()) or "no rows"
