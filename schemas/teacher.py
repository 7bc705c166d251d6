"""A model at a revision, with the prompt template and the sampling settings it is asked with."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tracewright.schemas.base import Frozen, Probability
from tracewright.schemas.ids import make_id


class Sampling(Frozen):
    """How the next token is drawn. Limits (`max_tokens`, deadlines) are not sampling: they change no finished trace."""

    temperature: float = Field(default=1.0, ge=0.0)
    top_p: Probability = 1.0
    top_k: int = Field(default=0, ge=0)
    """0: no limit."""
    min_p: Probability = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    """Each sample's own seed is derived from this, the problem and the sample index."""


class TeacherRef(Frozen):
    """Which teacher made a trace."""

    model: str
    revision: str
    """A commit, a tag or a hash of the weights."""
    dtype: str
    quantization: str | None = None
    tokenizer_hash: str
    template_hash: str
    """Hash of the prompt template, few-shot examples and system text included."""
    sampling: Sampling
    fingerprint: str = ""
    """Hash of all of the above; may be left out, and is then computed."""

    @model_validator(mode="after")
    def _fill_fingerprint(self) -> Self:
        if not self.fingerprint:
            # Of the validated fields, defaults included: a teacher is the same however much of it was written out.
            object.__setattr__(self, "fingerprint", make_id("teacher", self.model_dump(exclude={"fingerprint"})))
        return self

    @property
    def family(self) -> str:
        """The fingerprint without the seed: what a calibration of the teacher's confidence belongs to."""
        parts = self.model_dump(exclude={"fingerprint"})
        parts["sampling"].pop("seed")
        return make_id("family", parts)
