"""How many devices a flow needs, and that people see when it waits for them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tracewright.flows.progress import say
from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines.devices import lease_devices

_PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


def count_devices(config: TeacherConfig) -> int:
    """What the teacher's engine spreads over; 0 for servers, whose devices are theirs."""
    if config.engine == "server":
        return 0
    count = 1
    for name in _PARALLEL:
        size = config.engine_args.get(name)
        count *= size if isinstance(size, int) else 1
    return count


def lease_for_teacher(config: TeacherConfig) -> AbstractContextManager[tuple[str, ...]]:
    """Hold what the teacher's engine needs, once it is free, for a `with` block."""
    return lease_devices(count_devices(config), say)


def lease_one() -> AbstractContextManager[tuple[str, ...]]:
    """Hold one device, once one is free, for a `with` block."""
    return lease_devices(1, say)
