"""What a tested program can't do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tracewright.pipeline.verify.processes.sandbox import run_tests
from tracewright.schemas import Outcome

SECONDS = 10.0


def kernel_isolates() -> bool:
    """Whether this kernel and user have network namespaces and Landlock."""
    return (
        run_tests(
            "import socket\nfailed = False\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\n"
            "except PermissionError:\n    failed = True\nexcept OSError as error:\n    failed = error.errno == 101",
            "assert failed",
            timeout_seconds=SECONDS,
        ).outcome
        is Outcome.CORRECT
    )


def test_a_program_passes_when_its_tests_come_to_their_end() -> None:
    assert run_tests("x = 1", "assert x == 1", timeout_seconds=SECONDS).outcome is Outcome.CORRECT
    failed = run_tests("x = 1", "y = 2\nassert x == 2", timeout_seconds=SECONDS)
    assert failed.outcome is Outcome.INCORRECT
    assert "AssertionError in line 2" in failed.reason


def test_a_program_reads_the_input_it_is_given() -> None:
    run = run_tests("a, b = map(int, input().split())", "assert a + b == 5", stdin="2 3\n", timeout_seconds=SECONDS)
    assert run.outcome is Outcome.CORRECT


def test_time_and_memory_that_run_out_are_errors_that_name_the_limit() -> None:
    endless = run_tests("while True:\n    pass", "", timeout_seconds=1)
    assert (endless.outcome, "1 seconds" in endless.reason) == (Outcome.ERROR, True)
    greedy = run_tests("x = bytearray(600 * 1024**2)", "", timeout_seconds=SECONDS)
    assert (greedy.outcome, "512 MiB" in greedy.reason) == (Outcome.ERROR, True)


def test_it_sees_no_environment_and_starts_in_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEWRIGHT_SECRET", "secret")
    tests = (
        "import os\n"
        "assert 'TRACEWRIGHT_SECRET' not in os.environ\n"
        "assert os.listdir() == []\n"
        "assert os.getcwd() == os.environ['HOME']"
    )
    assert run_tests("", tests, timeout_seconds=SECONDS).outcome is Outcome.CORRECT


def test_its_files_are_removed(tmp_path: Path) -> None:
    run = run_tests(
        "import os\nopen('file', 'w').write('x')\nraise ValueError(os.getcwd())", "", timeout_seconds=SECONDS
    )
    folder = Path(run.reason.rpartition(" ")[2])
    assert folder.name.startswith("tracewright-code-")
    assert not folder.exists()


@pytest.mark.skipif(not kernel_isolates(), reason="this kernel or user has no namespaces or Landlock")
def test_it_reaches_no_network_and_changes_no_file_of_others(tmp_path: Path) -> None:
    target = tmp_path / "written"
    run = run_tests(f"open({str(target)!r}, 'w')", "", timeout_seconds=SECONDS)
    assert "PermissionError" in run.reason
    assert not target.exists()
    victim = os.getpid()
    assert "ProcessLookupError" in run_tests(f"import os\nos.kill({victim}, 0)", "", timeout_seconds=SECONDS).reason


@pytest.mark.skipif(not kernel_isolates(), reason="this kernel or user has no namespaces or Landlock")
def test_nothing_that_it_starts_outlives_it(tmp_path: Path) -> None:
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)"
    before = set(Path("/proc").glob("[0-9]*"))
    assert run_tests(program, "", timeout_seconds=SECONDS).outcome is Outcome.CORRECT
    sleeping = [path for path in set(Path("/proc").glob("[0-9]*")) - before if _is_child(path)]
    assert sleeping == []


@pytest.mark.skipif(not kernel_isolates(), reason="this kernel or user has no namespaces or Landlock")
def test_it_starts_few_processes_whoever_runs_it() -> None:
    program = (
        "import os, time\nstarted = 0\ntry:\n    while started < 1000:\n        started += 1\n"
        "        if os.fork() == 0:\n            time.sleep(60)\nexcept BlockingIOError:\n    pass"
    )
    assert run_tests(program, "assert 8 < started < 40, started", timeout_seconds=SECONDS).outcome is Outcome.CORRECT


@pytest.mark.skipif(os.getuid() != 0, reason="no user but root is exempt from the limit on processes")
def test_root_runs_it_as_nobody_who_reads_what_the_interpreter_needs() -> None:
    program = (
        "import os, subprocess, sys\nassert os.getuid() >= 2**30\nopen('file', 'w').write('x')\n"
        "shown = subprocess.run([sys.executable, '-c', 'import json; print(5)'], capture_output=True).stdout"
    )
    assert run_tests(program, "assert shown == b'5\\n'", timeout_seconds=SECONDS).outcome is Outcome.CORRECT


def _is_child(process: Path) -> bool:
    try:
        return b"code_child" in (process / "cmdline").read_bytes()
    except OSError:
        return False
