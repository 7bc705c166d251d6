"""What a worker process does: answer questions about two answers, one JSON line each, until the other side hangs up."""

from __future__ import annotations

import json
import socket
from typing import Any

from tracewright.pipeline.verify.comparison.mathematics import compare_mathematics
from tracewright.pipeline.verify.evaluation.algebra import SympyAlgebra
from tracewright.pipeline.verify.failures import LimitError
from tracewright.pipeline.verify.limits import MAX_WORKER_MEMORY_BYTES
from tracewright.pipeline.verify.policy import DEFAULT_POLICY, Policy
from tracewright.pipeline.verify.processes.confine import die_with_parent, limit_cpu, limit_files, limit_memory


def serve(connection: socket.socket) -> None:
    """Confine this process, say that it is ready, and answer until the connection closes."""
    die_with_parent()
    limit_memory(MAX_WORKER_MEMORY_BYTES)
    limit_files(0)
    algebra = SympyAlgebra()
    with connection, connection.makefile("rwb") as stream:
        _send(stream, {"ready": True})
        for line in stream:
            _send(stream, _answer(json.loads(line), algebra))


def warm_up() -> None:
    """Solve something: what sympy builds for its first inequality takes 0.2 s, and should count for no case."""
    compare_mathematics("|x| < 2", "-2 < x < 2", DEFAULT_POLICY, SympyAlgebra())


def _send(stream: Any, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()


def _answer(question: dict[str, Any], algebra: SympyAlgebra) -> dict[str, Any]:
    limit_cpu(question["timeout_seconds"])
    policy = Policy.model_validate(question["policy"])
    try:
        finding = compare_mathematics(question["gold"], question["given"], policy, algebra)
    except MemoryError:
        return {"error": f"it needs more than {MAX_WORKER_MEMORY_BYTES // 1024**2} MiB of memory"}
    except (RecursionError, LimitError) as error:
        return {"error": f"it is nested or grows beyond a limit: {error}"}
    except Exception as error:  # noqa: BLE001 - sympy raises what it likes, and no question may end the worker
        return {"error": f"sympy failed: {type(error).__name__}: {error}"[:300]}
    return {"truth": finding.truth.name, "method": finding.method, "reason": finding.reason}
