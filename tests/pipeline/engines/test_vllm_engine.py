"""A real vLLM engine with the embedded teacher."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.embedded import checkpoint_path
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import EngineError, FinishReason, Sampling

ENDS_WITHIN_SECONDS = 10


def ask(teacher: RunningTeacher, *questions: str, greedy: bool = True) -> list[Completion]:
    requests = [Request(str(i), question, seed=i, greedy=greedy) for i, question in enumerate(questions)]
    results = [result for result in teacher.engine.stream(requests) if isinstance(result, Completion)]
    return sorted(results, key=lambda result: int(result.key))


def test_embedded_teacher_works_a_problem_step_by_step(teacher: RunningTeacher) -> None:
    (completion,) = ask(teacher, "(12+7)*3")
    assert completion.text == "2+7=9; 12+7=19; = 19*3\n9*3=27; 1*3=3; 3+2=5; 19*3=57\n#### 57"
    assert completion.finish_reason is FinishReason.STOP
    assert completion.prompt == "<|user|>(12+7)*3<|assistant|>"


def test_every_token_has_its_logprobs_and_its_place_in_the_text(teacher: RunningTeacher) -> None:
    (completion,) = ask(teacher, "45-67+8", greedy=False)
    assert completion.token_ids and completion.token_logprobs and completion.token_ends and completion.top_logprobs
    count = completion.token_count
    lengths = map(
        len, (completion.token_ids, completion.token_logprobs, completion.token_ends, completion.top_logprobs)
    )
    assert set(lengths) == {count}
    assert completion.token_ends[-1] == len(completion.text)
    assert list(completion.token_ends) == sorted(completion.token_ends)
    assert all(logprob <= 0 for logprob in completion.token_logprobs)
    assert all(list(top) == sorted(top, reverse=True) and len(top) == 5 for top in completion.top_logprobs)


def test_the_same_seed_gives_the_same_text_beside_any_neighbours(teacher: RunningTeacher) -> None:
    questions = [problem.question for problem in draw_problems(40, (4, 5), seed=9, held_out=False)]
    together = {r.key: r.text for r in ask(teacher, *questions, greedy=False)}
    requests = [Request(key, questions[int(key)], seed=int(key)) for key in ("3", "17", "31")]
    alone = {r.key: r.text for r in teacher.engine.stream(requests) if isinstance(r, Completion)}
    assert alone == {key: together[key] for key in alone}


def test_a_cut_off_completion_says_so(tmp_path: Path) -> None:
    settings = VllmSettings(
        model=str(checkpoint_path()),
        sampling=Sampling(),
        max_tokens=8,
        cpu_threads=1,
        engine_args={"dtype": "float32", "max_model_len": 512},
    )
    with VllmEngine(settings, tmp_path / "engine.log") as engine:
        (cut,) = engine.stream([Request("a", "(12+7)*3", 0, greedy=True)])
        assert isinstance(cut, Completion)
        assert (cut.finish_reason, cut.token_count) == (FinishReason.LENGTH, 8)
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"was killed by signal 9.*run the same command again"):
            list(engine.stream([Request("b", "1+1", 0)]))


def test_a_request_too_long_for_the_model_fails_alone(teacher: RunningTeacher) -> None:
    requests = [Request("long", "1+" * 600 + "1", 0), Request("short", "1+1", 0, greedy=True)]
    results = {result.key: result for result in teacher.engine.stream(requests)}
    assert isinstance(results["long"], Failure) and "512" in results["long"].reason
    assert isinstance(results["short"], Completion) and results["short"].text.endswith("#### 2")


def test_an_engine_that_can_not_start_gives_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    settings = VllmSettings(model=str(tmp_path), sampling=Sampling(), max_tokens=8)
    engine = VllmEngine(settings, tmp_path / "engine.log")
    with pytest.raises(EngineError, match=r"(?s)ended with exit status 1.*config\.json"):
        assert engine.dtype
    engine.close()


def test_no_process_of_the_engine_outlives_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings\n"
        "from tracewright.schemas import Sampling\n"
        f"s = VllmSettings(model={str(checkpoint_path())!r}, sampling=Sampling(), max_tokens=8, cpu_threads=1)\n"
        f"e = VllmEngine(s, Path({str(tmp_path)!r}) / 'engine.log'); e.dtype\n"
        "print(e.pid, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    group = int(parent.stdout.readline())
    assert members_of(group)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while members_of(group) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert members_of(group) == []


def members_of(group: int) -> list[int]:
    """The living processes of a process group."""
    members: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, pgrp = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                members.append(int(folder.name))
    return members
