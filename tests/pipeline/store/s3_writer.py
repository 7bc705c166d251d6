"""Adds traces to a store on S3 as another machine would: `python s3_writer.py STORE FIRST COUNT ROWS_A_SHARD`.

Its locks lie where `TRACEWRIGHT_LOCAL` says, so that nothing but the bucket stands between two of them.
"""

import sys
from datetime import UTC, datetime

from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import Problem, Sampling, Span, Step, StepCheck, TeacherRef, Trace, Verdict

_TEACHER = TeacherRef(
    model="m", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)


def make_trace(number: int) -> Trace:
    text = f"{number}+1={number + 1}"
    return Trace(
        trace_id=f"{number:024x}",
        problem=Problem(id=str(number), question=f"{number}+1", answer=str(number + 1), source="s"),
        teacher=_TEACHER,
        sample=0,
        prompt=f"{number}+1",
        text=text,
        token_count=len(text),
        steps=(Step(text=text, span=Span(start=0, end=len(text)), check=StepCheck(outcome="holds", reason="1=1")),),
        verdict=Verdict(outcome="correct", method="exact", reason="equal"),
        verifier_version="1",
        checker_version="1",
        engine="e",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def main() -> None:
    store, first, count, rows = sys.argv[1], *map(int, sys.argv[2:])
    with Store.open(store, create=True).writer(limits=ShardLimits(rows=rows)) as writer:
        for number in range(first, first + count):
            writer.add_trace(make_trace(number))


if __name__ == "__main__":
    main()
