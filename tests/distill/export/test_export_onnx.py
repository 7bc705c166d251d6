"""An exported model is the model: the same text, with everything that runs it beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from tracewright.distill.checkpoint import read_config
from tracewright.distill.evaluation import evaluate_greedy
from tracewright.distill.export import export_checkpoint
from tracewright.distill.export.local_engine import LocalEngine, LocalModel, read_settings
from tracewright.distill.export.onnx_export import INT8_FILE, ONNX_FILE
from tracewright.distill.export.onnx_model import OnnxModel
from tracewright.distill.export.runtimes import Runtime, find_exported, measure_files, start_engine
from tracewright.distill.export.tensorrt import RECIPE_FILE, format_shapes
from tracewright.distill.export.transformers_model import TransformersModel
from tracewright.distill.version_config import ExportFormat
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import FinishReason, InputError, MissingInputError, Problem

TEACHER = Path(embedded.__file__).parent


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "teacher-onnx"
    export_checkpoint(TEACHER, out, ExportFormat.ONNX)
    return out


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(draw_problems(16, {1: 6, 2: 6, 3: 4}, seed=9, held_out=True))


def answer(model: LocalModel, folder: Path, problems: list[Problem]) -> list[str]:
    return [one.text for one in evaluate_greedy(LocalEngine(model, folder, read_settings(folder)), problems).answers]


def test_both_graphs_write_the_text_that_the_checkpoint_writes(exported: Path, problems: list[Problem]) -> None:
    wanted = answer(TransformersModel(TEACHER), TEACHER, problems[:6])
    assert all(len(text) > 10 for text in wanted)
    assert answer(OnnxModel(exported / ONNX_FILE), exported, problems[:6]) == wanted
    found = evaluate_greedy(start_engine(exported / INT8_FILE, Runtime.VLLM, None, exported / "log"), problems)
    assert found.accuracy().share > 0.8
    assert sum(one.text == text for one, text in zip(found.answers, wanted, strict=False)) >= 5


def test_what_was_seen_in_pieces_is_what_was_seen_at_once(exported: Path) -> None:
    model, tokens = OnnxModel(exported / ONNX_FILE), [3, 7, 5, 9, 4]
    whole = model.read(tokens)
    model.start()
    model.read(tokens[:2])
    assert np.allclose(model.read(tokens[2:]), whole, atol=1e-4)


def test_the_folder_has_all_that_a_device_needs(exported: Path) -> None:
    names = {path.name for path in exported.iterdir()}
    assert names >= {ONNX_FILE, INT8_FILE, RECIPE_FILE, "README.md", "tokenizer.json", "chat_template.jinja"}
    report = json.loads((exported / "export.json").read_text())
    assert report["files"][ONNX_FILE] == measure_files(exported) == (exported / ONNX_FILE).stat().st_size
    assert report["files"][INT8_FILE] < 0.3 * report["files"][ONNX_FILE]
    assert f"{report['files'][INT8_FILE]:,}" in (exported / "README.md").read_text()
    assert report["largest_difference"] < 1e-3


def test_the_tensorrt_recipe_names_every_input_with_its_rank(exported: Path) -> None:
    graph = onnx.load(exported / ONNX_FILE).graph
    inputs = {one.name: len(one.type.tensor_type.shape.dim) for one in graph.input}
    recipe = (exported / RECIPE_FILE).read_text()
    for shapes in re.findall(r"Shapes=(\S+)", recipe):
        named = dict(part.split(":") for part in shapes.split(","))
        assert {name: len(shape.split("x")) for name, shape in named.items()} == inputs
    assert format_shapes(read_config(TEACHER), 1, 2, 3).startswith("input_ids:1x2,attention_mask:1x5,position_ids:1x2,")


def test_answers_end_where_the_tokens_do_and_long_prompts_fail_alone(exported: Path) -> None:
    engine = start_engine(exported, Runtime.VLLM, 3, exported / "log")
    cut, failed, drawn, again = engine.stream(
        [
            Request("a", "1+2", 0, greedy=True),
            Request("b", "1+" * 400 + "1", 0, greedy=True),
            Request("c", "4*5", 7),
            Request("c", "4*5", 7),
        ]
    )
    assert isinstance(cut, Completion)
    assert (cut.finish_reason, cut.token_count) == (FinishReason.LENGTH, 3)
    assert isinstance(failed, Failure)
    assert "512" in failed.reason
    assert isinstance(drawn, Completion)
    assert isinstance(again, Completion)
    assert drawn.text == again.text


def test_what_can_not_be_exported_is_refused_and_nothing_is_left(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists: choose another --out"):
        export_checkpoint(TEACHER, exported, ExportFormat.ONNX)
    quantized = tmp_path / "int8"
    quantized.mkdir()
    (quantized / "config.json").write_text(json.dumps(read_config(TEACHER) | {"quantization_config": {}}))
    (quantized / "model.safetensors").symlink_to(TEACHER / "model.safetensors")
    with pytest.raises(InputError, match="is quantized already"):
        export_checkpoint(quantized, tmp_path / "out", ExportFormat.ONNX)
    (quantized / "model.safetensors").unlink()
    (quantized / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="a pickle"):
        export_checkpoint(quantized, tmp_path / "out", ExportFormat.ONNX)
    with pytest.raises(MissingInputError, match="no checkpoint"):
        export_checkpoint(tmp_path / "none", tmp_path / "out", ExportFormat.ONNX)
    assert [path.name for path in tmp_path.iterdir()] == ["int8"]
    assert find_exported(TEACHER) is None
