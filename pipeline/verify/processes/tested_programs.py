"""The decision on a case of the code kind: its program is found, and run with its tests."""

from __future__ import annotations

import time

from tracewright.pipeline.verify.cascade import Decision
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.extraction.programs import extract_program
from tracewright.pipeline.verify.extraction.thinking import strip_thinking
from tracewright.pipeline.verify.limits import MAX_PROGRAM_CHARS
from tracewright.pipeline.verify.processes.sandbox import run_tests
from tracewright.schemas.problem import CodeTest
from tracewright.schemas.verdict import Outcome

_LEAST_SECONDS = 0.1
"""A test is given so long even when those before it took all the time of the case: it then ends by its limit."""


def judge_program(case: AnswerCase, timeout_seconds: float) -> Decision:
    """Whether the program passes all tests within the time of one case."""
    tests = [CodeTest(program=case.gold)] if case.gold.strip() else []
    tests.extend(case.tests)
    shown = strip_thinking(case.prediction)
    program = extract_program(shown, "\n".join(test.program for test in tests)) if shown is not None else None
    if program is None:
        return Decision(Outcome.UNVERIFIABLE, "extraction", "the completion holds no Python program")
    if not tests:
        return Decision(Outcome.UNVERIFIABLE, "tests", "there are no tests to run")
    if max(len(program.text), *(len(test.program) for test in tests)) > MAX_PROGRAM_CHARS:
        return Decision(Outcome.ERROR, "limit", f"the program or a test has more than {MAX_PROGRAM_CHARS} characters")
    deadline = time.monotonic() + timeout_seconds
    for test in tests:
        left = max(deadline - time.monotonic(), _LEAST_SECONDS)
        run = run_tests(program.text, test.program, stdin=test.stdin, timeout_seconds=left)
        if run.outcome is not Outcome.CORRECT:
            return Decision(run.outcome, "tests", run.reason)
    return Decision(Outcome.CORRECT, "tests", "the tests pass")
