"""Workers: killed in time, replaced, shared by threads and asyncio, gone when the verifier is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tracewright.pipeline.verify import AnswerCase, AnswerVerifier, verify_answer
from tracewright.pipeline.verify.processes.workers import Workers, WorkerTimeoutError
from tracewright.schemas import Outcome

INTEGRAL = "\\int_0^1 x^2 dx"
ENDLESS = AnswerCase(
    gold="1", prediction="\\int_0^1 \\sin(\\cos(\\sin(x^x+\\frac{1}{x+e^{x}})))^{x} dx \\cdot \\int_0^2 x^{x^{x}} dx"
)


@pytest.fixture(scope="module")
def verifier() -> Iterator[AnswerVerifier]:
    with AnswerVerifier(workers=2, timeout_seconds=1.5) as started:
        started.start()
        yield started


def children_of(pid: int) -> set[int]:
    """All processes below a process."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def test_what_needs_algebra_is_decided_by_a_worker(verifier: AnswerVerifier) -> None:
    assert verifier.verify("1/3", INTEGRAL).outcome is Outcome.CORRECT
    verdict = verifier.verify("1/2", INTEGRAL)
    assert (verdict.outcome, verdict.method) == (Outcome.INCORRECT, "symbolic")


def test_workers_may_take_512_mib_and_write_no_file() -> None:
    others = children_of(psutil.Process().pid)
    with AnswerVerifier(workers=1) as verifier:
        verifier.verify("1/3", INTEGRAL)
        workers = [psutil.Process(pid) for pid in children_of(psutil.Process().pid) - others]
        assert (512 * 1024**2, 512 * 1024**2) in [worker.rlimit(psutil.RLIMIT_AS) for worker in workers]
        assert (0, 0) in [worker.rlimit(psutil.RLIMIT_FSIZE) for worker in workers]


def test_a_case_that_runs_out_of_time_is_an_error_and_leaves_the_others_alone(verifier: AnswerVerifier) -> None:
    cases = [AnswerCase(gold="1/3", prediction=INTEGRAL), ENDLESS, AnswerCase(gold="7", prediction="7")]
    verdicts = list(verifier.verify_many([*cases, cases[0]]))
    assert [verdict.outcome for verdict in verdicts] == [
        Outcome.CORRECT,
        Outcome.ERROR,
        Outcome.CORRECT,
        Outcome.CORRECT,
    ]
    assert "takes more than the limit of 1." in verdicts[1].reason
    assert verdicts[1].seconds < 3


def test_verdicts_come_in_the_order_of_the_cases(verifier: AnswerVerifier) -> None:
    cases = [AnswerCase(gold="1/3", prediction=INTEGRAL if number % 7 == 0 else f"{number}/3") for number in range(60)]
    outcomes = [verdict.outcome is Outcome.CORRECT for verdict in verifier.verify_many(cases)]
    assert outcomes == [number % 7 == 0 or number == 1 for number in range(60)]


def test_cases_are_not_read_far_ahead(verifier: AnswerVerifier) -> None:
    read: list[int] = []

    def endless() -> Iterator[AnswerCase]:
        for number in range(10_000):
            read.append(number)
            yield AnswerCase(gold="7", prediction="7")

    stream = verifier.verify_many(endless())
    next(stream)
    assert len(read) < 500


def test_any_thread_may_verify(verifier: AnswerVerifier) -> None:
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda _: verifier.verify("1/3", INTEGRAL), range(16)))
    assert {verdict.outcome for verdict in verdicts} == {Outcome.CORRECT}


def test_the_event_loop_goes_on_while_a_worker_works(verifier: AnswerVerifier) -> None:
    async def verify_and_tick() -> tuple[Outcome, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        verdict = await verifier.verify_async(ENDLESS)
        ticking.cancel()
        return verdict.outcome, ticks

    outcome, ticks = asyncio.run(verify_and_tick())
    assert outcome is Outcome.ERROR
    assert ticks > 20


def test_a_single_call_starts_a_worker_and_ends_it() -> None:
    before = children_of(psutil.Process().pid)
    assert verify_answer("1/3", INTEGRAL, timeout_seconds=20).outcome is Outcome.CORRECT
    assert children_of(psutil.Process().pid) <= before


def test_a_single_call_works_in_a_thread() -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(verify_answer("1/3", INTEGRAL, timeout_seconds=20).outcome)
    )
    thread.start()
    thread.join()
    assert outcomes == [Outcome.CORRECT]


def test_a_worker_that_is_killed_is_replaced() -> None:
    workers = Workers(1)
    question = {"gold": "1", "given": INTEGRAL, "policy": {}, "timeout_seconds": 20}
    assert workers.ask(question, 20)["truth"] == "DIFFERENT"
    with pytest.raises(WorkerTimeoutError, match=r"limit of 0.1 seconds"):
        workers.ask({**question, "given": ENDLESS.prediction}, 0.1)
    assert workers.ask(question, 20)["truth"] == "DIFFERENT"
    workers.close()


def test_workers_end_with_the_process_that_started_them() -> None:
    program = (
        "import os, signal\n"
        "from tracewright.pipeline.verify import AnswerVerifier\n"
        "verifier = AnswerVerifier(timeout_seconds=20)\n"
        f"assert verifier.verify('1/3', {INTEGRAL!r}).outcome == 'correct'\n"
        "import psutil\n"
        "print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=0.2)
    assert not any(map(psutil.pid_exists, pids))


def test_importing_the_verifier_imports_no_algebra() -> None:
    program = (
        "import sys, tracewright.pipeline.verify as v\n"
        "assert v.verify_answer('70,000', 'So it is $70000.').outcome == 'correct'\n"
        "print(sorted({'sympy', 'mpmath', 'math_verify', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
