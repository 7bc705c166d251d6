"""The process in which a candidate program and its tests run: `python -I -B code_child.py`, a JSON task on stdin.

It confines itself, runs the candidate and then the tests (`harness`), and writes one JSON line to the result
descriptor: the task's token when the tests ran to their end, else what stopped them. See `sandbox` for what this
covers and what it does not. It is run by its path and imports nothing but the modules beside it: importing the package
would take most of a second.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_MAX_PROCESSES = 32


def main() -> None:
    """Read the task, confine this process and run it."""
    confine, isolate, harness = _load("confine"), _load("isolate"), _load("harness")
    confine.die_with_parent()
    task = json.loads(sys.stdin.buffer.readline())
    isolated = isolate.leave_network()
    child = os.fork()
    if child:
        # The child is the first process of its own process table: when it ends, the kernel ends all that it started.
        os.waitpid(child, 0)
        os._exit(0)
    isolate.leave_root(Path(task["folder"]))
    confine.die_with_parent()
    confine.limit_memory(task["memory_bytes"])
    confine.limit_files(task["file_bytes"])
    confine.limit_cpu(task["timeout_seconds"])
    if isolated:
        resource.setrlimit(resource.RLIMIT_NPROC, (_MAX_PROCESSES, _MAX_PROCESSES))
    isolate.forbid_writing_outside(Path(task["folder"]))
    _give_stdin(task["stdin"])
    _report(task["result_descriptor"], run(harness, task))
    os._exit(0)


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"no {name}.py beside {__file__}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(harness: ModuleType, task: dict[str, Any]) -> dict[str, Any]:
    """Run candidate and tests; the token comes back only from behind the last test."""
    try:
        harness.run(task["candidate"], task["tests"])
    except MemoryError:
        return {"memory": True}
    except harness.FailedError as error:
        return {"failure": str(error)}
    except harness.UntestedError as error:
        return {"untested": str(error)}
    return {"token": task["token"]}


def _give_stdin(text: str) -> None:
    """Let the program read the text from its standard input; a file, so that any length fits."""
    path = Path(".stdin")
    path.write_text(text, encoding="utf-8")
    descriptor = os.open(path, os.O_RDONLY)
    path.unlink()
    os.dup2(descriptor, 0)
    sys.stdin = os.fdopen(0, encoding="utf-8")


def _report(descriptor: int, message: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
