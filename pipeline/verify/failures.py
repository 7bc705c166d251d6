"""Why an answer can't be read or worked on; caught inside the verifier and turned into a verdict's reason."""

from __future__ import annotations

from tracewright.schemas.errors import InputError


class UnreadableError(InputError):
    """The text is not in the language of answers that the parser reads."""


class LimitError(InputError):
    """The answer is longer, deeper or larger than a limit; the message names it."""


class UndecidedError(InputError):
    """Exact or numeric evaluation does not apply to the expression: no value, or a function it does not know."""
