"""Which layer of the student learns from which of the teacher."""

from __future__ import annotations

from collections.abc import Sequence

from tracewright.distill.loss_config import LayerPair
from tracewright.schemas import InputError


def map_layers(student: int, teacher: int, asked: Sequence[LayerPair] | None = None) -> tuple[LayerPair, ...]:
    """The pairs asked for, or the student's layers spread evenly over the teacher's, last on last.

    Args:
        student: the student's number of layers.
        teacher: the teacher's.
        asked: pairs of the config.

    Raises:
        InputError: a pair names a layer that one of them has not.
    """
    if asked is None:
        return tuple((layer, max(0, round((layer + 1) * teacher / student) - 1)) for layer in range(student))
    for pair in asked:
        if pair[0] >= student or pair[1] >= teacher:
            raise InputError(
                f"layers {list(pair)} pair a student of {student} layers with a teacher of {teacher}, expected layers "
                f"from 0 to {student - 1} and from 0 to {teacher - 1}: correct `layers`, or leave it out"
            )
    return tuple(asked)
