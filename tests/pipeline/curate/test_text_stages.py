"""The stages that read the texts: near duplicates, benchmarks, repetition, the best of each problem, balance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from tracewright.pipeline.config import load_config
from tracewright.pipeline.curate import (
    Balance,
    Benchmark,
    BestOfProblem,
    CurateConfig,
    Decontamination,
    NearDuplicates,
    Repetition,
    Stage,
    curate,
)
from tracewright.pipeline.store import Store
from tracewright.schemas import ConfigError, InputError, MissingInputError, Rejection, Trace

MakeTrace = Callable[..., Trace]
Curate = Callable[[Sequence[Trace], Sequence[Stage]], tuple[set[str], tuple[Rejection, ...]]]

QUESTION = (
    "Natalia sold clips to {} of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
WAY = "In May she sold {} clips, which is half of what she sold in April.\nTogether this makes {} clips.\n#### {}"


@pytest.fixture
def keep(tmp_path: Path) -> Curate:
    """Store the traces, run the stages, and give the ids that stay and the rejections."""

    def run(traces: Sequence[Trace], stages: Sequence[Stage]) -> tuple[set[str], tuple[Rejection, ...]]:
        store = Store.open(tmp_path / "store", create=True)
        with store.writer() as writer:
            for trace in traces:
                writer.add_trace(trace)
        curated = curate(store, stages, name="kept")
        return set(curated.slice.trace_ids or ()), curated.rejections

    return run


def ids(traces: Sequence[Trace]) -> set[str]:
    return {trace.trace_id for trace in traces}


def test_of_problems_that_ask_nearly_the_same_the_one_with_most_traces_stays(
    keep: Curate, make_trace: MakeTrace
) -> None:
    first, again = QUESTION.format(48), QUESTION.format(48).replace("and then she", "then she")
    kept = [make_trace(again, [str(sample)], sample=sample) for sample in range(2)]
    away = make_trace(first)
    other = make_trace(QUESTION.format(50))
    stayed, (rejection,) = keep([away, *kept, other], [NearDuplicates(over="problem")])
    assert stayed == ids([*kept, other])
    assert (rejection.stage, rejection.subject) == ("curate.near_duplicates.problem", away.trace_id)
    assert rejection.row == f"kept problem: {again}"


def test_nearly_the_same_way_is_kept_once_for_a_problem(keep: Curate, make_trace: MakeTrace) -> None:
    way, reworded = WAY.format(24, 72, 72), WAY.format(24, 72, 72).replace("Together this", "So together this")
    traces = [
        make_trace("Q", [way], sample=0),
        make_trace("Q", [reworded], sample=1),
        make_trace("Q", [WAY.format(25, 73, 73)], sample=2),
        make_trace("another problem", [way], sample=3),
    ]
    stayed, (rejection,) = keep(traces, [NearDuplicates(over="reasoning")])
    assert stayed == ids([traces[0], traces[2], traces[3]])
    assert rejection.row == f"kept trace: {traces[0].trace_id}"


def write_benchmark(folder: Path, *questions: str) -> Benchmark:
    path = folder / "exam.jsonl"
    path.write_text("".join(json.dumps({"question": question}) + "\n" for question in questions))
    return Benchmark(path=path)


def test_a_passage_of_a_benchmark_is_found_in_the_question_and_in_the_reasoning(
    keep: Curate, make_trace: MakeTrace, tmp_path: Path
) -> None:
    exam = write_benchmark(tmp_path, "What is 1+1?", QUESTION.format(48))
    copied = make_trace("Here is one.  " + QUESTION.format(48).upper(), model="small")
    quoted = make_trace("Make up an exam.", [QUESTION.format(48), "\n#### 2"])
    short = make_trace("what is 1 + 1")
    clean = [
        make_trace("Natalia sold clips to 48 friends."),
        make_trace("What is 1+2?"),
        make_trace("What is 1+1? And what is 2+2?"),
    ]
    stayed, rejections = keep([copied, quoted, short, *clean], [Decontamination(benchmarks=(exam,))])
    assert stayed == ids(clean)
    evidence = {rejection.subject: json.loads(rejection.row) for rejection in rejections}
    assert evidence[copied.trace_id]["passage"].startswith("natalia sold clips to 48")
    assert evidence[copied.trace_id]["passage"].endswith("in april and may")
    assert [evidence[trace.trace_id]["row"] for trace in (copied, quoted, short)] == [2, 2, 1]
    assert {rejection.reason for rejection in rejections} == {"shares a passage with a benchmark: exam"}
    assert all(rejection.numbers["shared_words"] >= 5 for rejection in rejections)


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("Solve: What is 15 percent of 80? Put your answer into a box.", 1),
        ("What is 15% of 80 + 3?", None),
        ("What is 15% of 800?", None),
        (r"compute sin 60° + ½", 2),
        ("If f(x) = (3x - 2)/(x - 2), what is the value of f(−2) + f(−1) + f(0)?", 3),
        ("I wonder: what is the value of x in this?", None),
    ],
)
def test_a_benchmark_is_found_in_another_notation_and_short_problems_inside_a_question(
    keep: Curate, make_trace: MakeTrace, tmp_path: Path, question: str, row: int | None
) -> None:
    exam = write_benchmark(
        tmp_path,
        "What is 15% of 80?",
        r"Compute $\sin 60^\circ + \frac{1}{2}$.",
        r"If $f(x) = \dfrac{3x-2}{x-2}$, what is the value of $f(-2) +f(-1)+f(0)$?",
        "What is the value of x?",
    )
    _, rejections = keep([make_trace(question)], [Decontamination(benchmarks=(exam,))])
    assert [json.loads(rejection.row)["row"] for rejection in rejections] == ([] if row is None else [row])


def test_a_benchmark_that_can_be_read_in_part_only_is_refused(
    keep: Curate, make_trace: MakeTrace, tmp_path: Path
) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text('{"question": "What?"}\n{"query": "What else?"}\n')
    with pytest.raises(InputError, match=r"exam\.jsonl:2 holds no question under question, problem"):
        keep([make_trace()], [Decontamination(benchmarks=(Benchmark(path=path),))])
    with pytest.raises(MissingInputError):
        keep([make_trace()], [Decontamination(benchmarks=(Benchmark(path=tmp_path / "none.jsonl"),))])


def test_what_a_slice_says_of_a_benchmark_is_the_same_on_every_machine(tmp_path: Path) -> None:
    described: list[str] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        exam = write_benchmark(tmp_path / name, "What is 1+1?")
        described.append(json.dumps(Decontamination(benchmarks=(exam,)).describe()))
    assert described[0] == described[1]
    assert str(tmp_path) not in described[0]


def test_a_text_that_goes_round_in_circles_is_turned_away(keep: Curate, make_trace: MakeTrace) -> None:
    circle = make_trace("1", ["So I have to think about it again from the very start, wait. "] * 12)
    straight = make_trace("2", [" ".join(f"step {number} gives {number * 7}" for number in range(40))])
    stayed, (rejection,) = keep([circle, straight], [Repetition()])
    assert stayed == ids([straight])
    assert rejection.numbers["repeated_share"] > 0.8


def test_the_best_different_traces_of_a_problem_stay(keep: Curate, make_trace: MakeTrace) -> None:
    ways = ["first one then two", "first two then one", "both at once and done", "first one then two"]
    confidences = [0.5, 0.9, 0.7, 0.8]
    traces = [make_trace("Q", [ways[i]], confidences=[confidences[i]], sample=i) for i in range(4)]
    wrong = make_trace("Q", ["something else altogether"], confidences=[0.99], outcome="incorrect", sample=9)
    alone = make_trace("other", ["one way"])
    stayed, rejections = keep([*traces, wrong, alone], [BestOfProblem(count=2)])
    assert stayed == ids([traces[1], traces[3], alone])
    assert Counter(rejection.reason for rejection in rejections) == {
        "its problem has enough better traces": 2,
        "too much like a better trace of its problem": 1,
    }
    assert {rejection.row for rejection in rejections} == {"", f"kept trace: {traces[3].trace_id}"}


def test_no_group_is_larger_than_its_limit(keep: Curate, make_trace: MakeTrace) -> None:
    traces = [
        make_trace(f"{domain} {level} {number}", domain=domain, level=level)
        for domain, level, count in (("algebra", 1, 9), ("algebra", 2, 2), ("geometry", None, 4))
        for number in range(count)
    ]
    stayed, rejections = keep(traces, [Balance(max_traces=3)])
    groups = Counter((t.problem.domain, t.problem.level) for t in traces if t.trace_id in stayed)
    assert groups == {("algebra", 1): 3, ("algebra", 2): 2, ("geometry", None): 3}
    assert {(r.numbers["group_traces"], r.numbers["group_limit"]) for r in rejections} == {(9.0, 3.0), (4.0, 3.0)}
    stayed, _ = keep(traces, [Balance(max_times_median=0.5)])
    assert len(stayed) == 6
    with pytest.raises(ValidationError, match="one of the two"):
        Balance()


CONFIG = """
name: clean
where: outcome == "correct"
stages:
  - kind: length_limits
    min_steps: 2
  - {kind: repetition, max_repeated_share: 0.5}
  - {kind: near_duplicates, over: reasoning}
  - kind: decontamination
    benchmarks: [{path: exam.jsonl, name: exam}]
  - {kind: best_of_problem, count: 2}
  - {kind: balance, max_traces: 100}
"""


def test_a_config_names_the_stages_in_order(tmp_path: Path) -> None:
    path = tmp_path / "curate.yaml"
    path.write_text(CONFIG)
    config = load_config(CurateConfig, path)
    kinds = "length_limits repetition near_duplicates decontamination best_of_problem balance"
    assert " ".join(stage.kind for stage in config.stages) == kinds
    assert isinstance(config.stages[3], Decontamination)
    assert config.stages[3].benchmarks[0].path == tmp_path / "exam.jsonl"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{kind: near_duplicates, over: reasons}", "problem.*reasoning"),
        ("{kind: near_duplicats}", "near_duplicates"),
        ("near_duplicates: {}", r'received \{"near_duplicates": \{\}\}.*expected a mapping with the key kind'),
        ("{kind: repetition, run_word: 5}", "run_words"),
        ("{kind: balance}", "one of the two"),
        ("{kind: decontamination, benchmarks: []}", "benchmarks"),
    ],
)
def test_a_wrong_stage_is_named(tmp_path: Path, wrong: str, message: str) -> None:
    path = tmp_path / "curate.yaml"
    path.write_text(f"name: clean\nstages:\n  - {wrong}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(CurateConfig, path)
