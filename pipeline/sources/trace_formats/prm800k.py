"""PRM800K: solutions whose steps people rated −1, 0 or +1 (Lightman et al. 2023, arXiv:2305.20050).

In phase 2 a whole solution was made beforehand and rated up to its first wrong step: the trace is that solution, and
what comes after is unrated. In phase 1 the solution grew as it was rated: the trace is the line of chosen steps, some
of which a person wrote. Steps that were rated beside that line are counted and not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tracewright.pipeline.sources.imported import ImportedTrace, Origin, join_steps, sample_from_text
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_object,
    as_text,
    build_problem,
    require_text,
    show_value,
    take_answer,
    take_integer,
    take_list,
    take_object,
    take_text,
    take_texts,
)
from tracewright.schemas import FinishReason

MODEL = "openai/prm800k-generator"
_SEPARATOR = "\n"
_RATINGS = (-1, 0, 1)
_COMPLETE = "solution"


@dataclass(frozen=True)
class _Rated:
    text: str
    rating: int | None
    origin: Literal["offered", "person", "unrated"]


def read_rated_solution(values: Values, origin: Origin) -> Iterator[ImportedTrace]:
    """`question` and `label`, as in the published files."""
    question, label = _required(values, "question"), _required(values, "label")
    offered = [_step(step, f"steps[{index}]") for index, step in enumerate(take_list(label, "steps") or ())]
    whole = take_texts(question, "pre_generated_steps")
    line = _rate_whole(whole, offered) if whole else _follow_choices(offered)
    if not line:
        raise RowError("no step was chosen, expected at least one")
    text, steps = join_steps([step.text for step in line], [step.rating for step in line], _SEPARATOR)
    finish = take_text(label, "finish_reason")
    generation = take_integer(values, "generation")
    beside = sum(len(offer.completions) for offer in offered) - sum(step.origin == "offered" for step in line)
    metadata = {
        "step_ratings": json.dumps([step.rating for step in line]),
        "step_ends": json.dumps([step.span.end for step in steps]),
        "steps_by_people": json.dumps([index for index, step in enumerate(line) if step.origin == "person"]),
        "other_steps_rated": str(beside),
        **({"label_finish_reason": finish} if finish else {}),
    }
    yield ImportedTrace(
        problem=build_problem(
            question=require_text(question, "problem"),
            answer=take_answer(question, "ground_truth_answer"),
            source=origin.source or origin.file_name,
            license=origin.license,
        ),
        model=MODEL,
        revision=None if generation is None else f"generation {generation}",
        sample=sample_from_text(text),
        prompt=require_text(question, "problem"),
        text=text,
        finish_reason=FinishReason.STOP if whole or finish == _COMPLETE else FinishReason.ABORT,
        metadata=metadata,
        steps=steps,
    )


@dataclass(frozen=True)
class _Offer:
    """What was offered at one place of a solution, and what was taken."""

    completions: tuple[_Rated, ...]
    chosen: int | None
    by_person: _Rated | None


def _step(value: Any, name: str) -> _Offer:
    given = as_object(value, name)
    completions = tuple(_completion(one, f"{name}.completions") for one in take_list(given, "completions") or ())
    chosen = take_integer(given, "chosen_completion")
    if chosen is not None and not 0 <= chosen < len(completions):
        raise RowError(f"`{name}.chosen_completion` is {chosen}, expected a place among {len(completions)}")
    person = given.get("human_completion")
    if isinstance(person, str):
        return _Offer(completions, chosen, _Rated(as_text(person, name), None, "person"))
    if person is None:
        return _Offer(completions, chosen, None)
    written = _completion(person, f"{name}.human_completion")
    return _Offer(completions, chosen, _Rated(written.text, written.rating, "person"))


def _completion(value: Any, name: str) -> _Rated:
    given = as_object(value, name)
    rating = take_integer(given, "rating")
    if rating is not None and rating not in _RATINGS:
        raise RowError(f"`{name}.rating` is {show_value(rating)}, expected -1, 0, 1 or null")
    return _Rated(require_text(given, "text"), rating, "offered")


def _rate_whole(whole: Sequence[str], offered: Sequence[_Offer]) -> list[_Rated]:
    """The solution's steps with the ratings that were given to just these texts, up to where the ratings leave it."""
    line: list[_Rated] = []
    follows = True
    for index, text in enumerate(whole):
        offers = offered[index].completions if index < len(offered) else ()
        rated = next((offer for offer in offers if offer.text == text), None)
        follows = follows and rated is not None
        line.append(rated if follows and rated is not None else _Rated(text, None, "unrated"))
    return line


def _follow_choices(offered: Sequence[_Offer]) -> list[_Rated]:
    line: list[_Rated] = []
    for offer in offered:
        taken = offer.by_person if offer.chosen is None else offer.completions[offer.chosen]
        if taken is None:
            break
        line.append(taken)
    return line


def _required(values: Values, name: str) -> Values:
    found = take_object(values, name)
    if found is None:
        raise RowError(f"no `{name}`, expected an object")
    return found
