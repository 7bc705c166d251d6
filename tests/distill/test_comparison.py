"""What the comparison of four models says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tracewright.distill.cards import write_quantized_card, write_student_card
from tracewright.distill.comparison import Contender, DemoStudents, make_contender, select_answers
from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.quantization_report import QuantizationReport
from tracewright.distill.sizes import measure_tensors
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import InputError, IntegrityError, MissingInputError

PROBLEMS = list(draw_problems(200, (1, 2), seed=6, held_out=True))
HARD = [index for index, problem in enumerate(PROBLEMS) if problem.level == 2]

MANIFEST = TrainingManifest.model_validate(
    {
        "format": "tracewright-student/1",
        "run": "r" * 24,
        "release": "arithmetic@3",
        "release_digest": "d" * 64,
        "teacher": "embedded",
        "teacher_revision": "t" * 24,
        "tokenizer_hash": "k" * 24,
        "levels": [1, 2],
        "student": {"share": 0.067},
        "losses": {"trace": 1.0, "output": 3.0},
        "training": {"steps": 900},
        "code_version": "1",
        "shape": {"layers": 2, "hidden_size": 64, "intermediate_size": 128},
        "parameters": 84_032,
        "teacher_parameters": 1_249_920,
        "licenses": ["Apache-2.0"],
        "examples": 2_922,
        "learnt_tokens": 122_102,
        "left_out": {"other level": 2_037},
        "torch_version": "2",
        "weights_sha256": "w" * 64,
        "final_losses": {"trace": 0.1},
        "tokens": 1,
        "seconds": 90.0,
    }
)
LAYER = {"scheme": "gptq", "input_range": 1, "input_range_99": 1, "weight_range": 1, "kept_range": 1}
REPORT = QuantizationReport.model_validate(
    {
        "format": "tracewright-quantized/1",
        "scheme": "int8",
        "run": "q" * 24,
        "source_weights_sha256": "w" * 64,
        "release": "arithmetic@3",
        "release_digest": "d" * 64,
        "licenses": ["MIT", "Apache-2.0"],
        "calibration_traces": 384,
        "calibration_tokens": 19_722,
        "layers": [
            {**LAYER, "name": "layers.0.mlp.up_proj", "error": 0.0123, "nearest_error": 0.02},
            {**LAYER, "name": "layers.0.mlp.down_proj", "error": 0.0001, "nearest_error": 0.02},
        ],
        "tensor_bytes": 88_448,
        "float32_bytes": 336_128,
        "size_ratio": 88_448 / 336_128,
        "output_divergence": 2.4e-5,
        "seconds": 3.0,
    }
)


def solve(*wrong: int) -> Evaluation:
    answers = (Answered(p, f"#### {p.answer}", n not in wrong, 10, 0.1) for n, p in enumerate(PROBLEMS))
    return Evaluation(tuple(answers), 2.0)


def compare(**wrong: tuple[int, ...]) -> DemoStudents:
    def contender(name: str) -> Contender:
        return Contender(name, Path(name), 1, 1, solve(*wrong.get(name, ())))

    return DemoStudents(
        teacher=contender("teacher"),
        control=contender("control"),
        student=contender("student"),
        quantized=contender("quantized"),
        student_manifest=MANIFEST,
        control_manifest=MANIFEST,
        quantization=REPORT,
        seconds={},
    )


def test_the_output_loss_brought_what_the_student_solves_beyond_the_control() -> None:
    students = compare(control=tuple(range(30)), student=tuple(range(10)), quantized=tuple(range(11)))
    assert students.output_loss_gain.points == pytest.approx(10.0)
    assert students.quantization_change.points == pytest.approx(-0.5)
    assert "brought +10.0 points (95 % interval +5.7 to +14.1)" in students.conclusion
    assert "can't tell from nothing" not in students.conclusion
    assert "Int8 changed −0.5 points" in students.conclusion and "26.3 % of the size" in students.conclusion


def test_a_gain_that_may_be_nothing_is_called_so() -> None:
    students = compare(control=(0, 1, 2), student=(0, 1, 3))
    assert "brought +0.0 points" in students.conclusion
    assert "which 200 problems can't tell from nothing" in students.conclusion


def test_a_loss_that_did_harm_is_said_as_plainly() -> None:
    students = compare(student=tuple(range(40)))
    assert "brought −20.0 points" in students.conclusion
    assert "can't tell" not in students.conclusion


def test_side_by_side_is_the_first_hard_problem_on_which_the_models_differ() -> None:
    easy = next(n for n, problem in enumerate(PROBLEMS) if problem.level == 1)
    problem, answers = compare(control=(easy, HARD[4], HARD[7]), student=(HARD[7],)).side_by_side()
    assert problem == PROBLEMS[HARD[4]]
    assert {name: answer.correct for name, answer in answers.items()} == {
        "teacher": True,
        "control": False,
        "student": True,
        "quantized": True,
    }


def test_side_by_side_is_the_first_hard_problem_where_all_agree() -> None:
    problem, _ = compare().side_by_side()
    assert problem == PROBLEMS[HARD[0]]


def test_the_teachers_answers_are_those_to_the_same_problems_in_their_order() -> None:
    some = [PROBLEMS[7], PROBLEMS[3]]
    chosen = select_answers(solve(7), some)
    assert [(answer.problem, answer.correct) for answer in chosen.answers] == [(some[0], False), (some[1], True)]
    assert chosen.tokens_per_second == pytest.approx(solve().tokens_per_second)


def test_problems_that_the_teacher_was_not_asked_are_refused() -> None:
    others = list(draw_problems(3, (3,), seed=1, held_out=True))
    with pytest.raises(InputError, match=r"was not asked 3 of the 3 problems .*evaluate the teacher on the same"):
        select_answers(solve(), others)


def test_cards_carry_their_figures(tmp_path: Path) -> None:
    write_student_card(tmp_path, MANIFEST, solve(*HARD[:25]), "held out")
    text = (tmp_path / "README.md").read_text()
    for figure in ("license: apache-2.0", "84,032", "6.7%", "| 2 | 100 | 75.0% |", "(75% of the loss)", "2,037 rows"):
        assert figure in text, figure
    write_quantized_card(tmp_path, REPORT)
    text = (tmp_path / "README.md").read_text()
    for figure in ("license: other", "88,448", "26.3%", "1.23% (layers.0.mlp.up_proj)", "2.4e-05", "not measured yet"):
        assert figure in text, figure


def test_sizes_are_those_of_the_tensors_and_scales_are_no_parameters(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {
        "a.weight": torch.zeros(4, 6, dtype=torch.int8),
        "a.weight_scale": torch.zeros(4, 1, dtype=torch.bfloat16),
        "b": torch.zeros(5, dtype=torch.float32),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    sizes = measure_tensors(tmp_path)
    assert (sizes.parameters, sizes.bytes) == (29, 24 + 8 + 20)
    contender = make_contender("one", tmp_path, solve())
    assert (contender.parameters, contender.tensor_bytes, contender.losses) == (29, 52, ())


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{broken", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]"])
def test_a_damaged_header_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(IntegrityError, match="is no safetensors file"):
        measure_tensors(tmp_path)


def test_a_folder_without_tensors_has_no_size(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="name the folder of a checkpoint"):
        measure_tensors(tmp_path)
