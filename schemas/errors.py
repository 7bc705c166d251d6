"""The errors a user meets: one root, and one kind for each thing that a caller can do about it.

Every kind inherits the matching built-in too, so that code which knows nothing of tracewright can catch it, and takes
one message, so that it survives pickling. A message says what was received, what was expected and what to do next.
"""

from __future__ import annotations

from pydantic import ValidationError

_MAX_FAULTS = 3


class TracewrightError(Exception):
    """The root of every error raised on purpose."""


class InputError(TracewrightError, ValueError):
    """Data or an argument is not what the contract asks for: mend the input and run the command again."""


class ConfigError(InputError):
    """A config file holds an unknown key or a value out of range."""


class MissingInputError(InputError, FileNotFoundError):
    """A file or folder named by the user is not there."""


class StoreError(TracewrightError, OSError):
    """The store can't be read or written: a full disk, a read-only folder, a second writer. What is there is intact."""


class StoreBusyError(StoreError):
    """Another process does the same work on the store just now: wait for it, or stop it."""


class SchemaVersionError(TracewrightError, ValueError):
    """Data was written by a newer schema than this version reads: upgrade tracewright."""


class IntegrityError(TracewrightError, ValueError):
    """Published data is not what its manifest says: a flipped byte, a missing or an extra file."""


class ReleaseYankedError(IntegrityError):
    """The release was withdrawn; the message gives the reason."""


class HubError(TracewrightError, ConnectionError):
    """A hub of data sets can't be reached or refuses what it is asked; what is on this machine is untouched."""


class EngineError(TracewrightError, RuntimeError):
    """The teacher's engine did not start, died or gave what can't be used."""


class TrainingError(TracewrightError, RuntimeError):
    """A training process died; what it had saved is kept, and the same command goes on from there."""


def in_one_line(error: Exception) -> str:
    """What the error says, on one line; of a model's faults the first few, each with its place."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    said = [(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in faults[:_MAX_FAULTS]]
    named = [": ".join(filter(None, one)) for one in said]
    more = [f"and {len(faults) - _MAX_FAULTS} more"] if len(faults) > _MAX_FAULTS else []
    return "; ".join([*named, *more])
