"""What one verification needs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from tracewright.pipeline.verify.policy import DEFAULT_POLICY, Policy
from tracewright.schemas.problem import AnswerKind, CodeTest


class AnswerCase(BaseModel):
    """A gold answer and a prediction to compare with it; keys of other people's files are not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    gold: str
    """A bare answer or a text that ends in one; for `code` the test program."""
    prediction: str
    """A bare answer or a whole completion."""
    kind: AnswerKind = AnswerKind.MATH
    policy: Policy = DEFAULT_POLICY
    choices: tuple[str, ...] = ()
    """The options of a multiple-choice question in order: the first is A."""
    accepted_answers: tuple[str, ...] = ()
    """Further gold answers: the prediction is correct when it equals any of them."""
    tests: tuple[CodeTest, ...] = ()
    """Further tests of a program."""
    truncated: bool = False
    """Whether the completion was cut by the token limit: then it has no answer."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        """A key that is null is left out."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
