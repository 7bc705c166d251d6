"""Every error can cross a process boundary and be caught as the built-in that it is."""

import inspect
import pickle  # noqa: TID251  (what is unpickled here was pickled here)

import pytest

from tracewright.schemas import errors

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.TracewrightError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[errors.TracewrightError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("received 1, expected 2: do 3")))  # noqa: S301
    assert type(copy) is kind
    assert str(copy) == "received 1, expected 2: do 3"


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_kind_of_error_is_a_builtin_one_too(kind: type[errors.TracewrightError]) -> None:
    builtins = (ValueError, OSError, RuntimeError)
    assert kind is errors.TracewrightError or issubclass(kind, builtins)
