"""A whole checkpoint in int8: what it holds, what its report says, what is refused."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tracewright.distill.arithmetic_model import build_tokenizer
from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.config import DistillConfig, StudentConfig, StudentShape, TrainingConfig
from tracewright.distill.quantization_report import (
    REPORT,
    QuantizationReport,
    read_quantization_report,
)
from tracewright.distill.quantize import quantize_checkpoint
from tracewright.distill.quantize.calibration import choose_traces, stack_by_length
from tracewright.distill.quantize.grid import INT8
from tracewright.distill.quantize.processor import saturates_int8
from tracewright.distill.sizes import measure_tensors
from tracewright.distill.training import train_student
from tracewright.distill.version_config import QuantizeSettings
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, IntegrityError, MissingInputError

LINEARS = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
LINEARS += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
EIGHT_BITS = QuantizeSettings(reduce_range=False)
"""Whatever processor the test runs on."""


@pytest.fixture(scope="module")
def student(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of two layers, trained for a moment."""
    out = tmp_path_factory.mktemp("students") / "student"
    config = DistillConfig(
        release=release,
        out=out.parent,
        levels=(1, 2),
        student=StudentConfig(shape=StudentShape(layers=2, hidden_size=64, intermediate_size=128)),
        training=TrainingConfig(steps=30, batch_size=16, threads=1),
    )
    train_student(config, out)
    return out


@pytest.fixture(scope="module")
def quantized(student: Path, release: Path) -> tuple[Path, QuantizationReport]:
    """Its int8 version."""
    out = student.parent / "int8"
    return out, quantize_checkpoint(student, release, out, settings=EIGHT_BITS)


def read_back(student: Path, quantized: Path) -> Any:
    """The student with the weights that the int8 checkpoint's integers and scales stand for."""
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
    tensors = load_file(quantized / "model.safetensors")
    for name, parameter in model.named_parameters():
        value = tensors[name].float()
        if f"{name}_scale" in tensors:
            value = value * tensors[f"{name}_scale"].float()
        parameter.data.copy_(value)
    return model.requires_grad_(False)


def quantize_inputs(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (INT8.quantize_activations(args[0]), *args[1:])


def test_integers_inside_the_layers_and_bfloat16_elsewhere(student: Path, quantized: tuple[Path, Any]) -> None:
    tensors = load_file(quantized[0] / "model.safetensors")
    for name, value in load_file(student / "model.safetensors").items():
        inside = ".layers." in name and value.ndim == 2
        assert tensors[name].dtype is (torch.int8 if inside else torch.bfloat16)
        assert (f"{name}_scale" in tensors) == inside
        kept = tensors[name].float() * (tensors[f"{name}_scale"].float() if inside else 1)
        assert float((kept - value).norm() / value.norm()) < 0.02, name


def test_everything_counted_it_has_less_than_three_tenths_of_the_bytes(
    student: Path, quantized: tuple[Path, QuantizationReport]
) -> None:
    out, report = quantized
    stored = sum(t.numel() * t.element_size() for t in load_file(out / "model.safetensors").values())
    before = sum(t.numel() * 4 for t in load_file(student / "model.safetensors").values())
    assert (report.tensor_bytes, report.float32_bytes) == (stored, before)
    assert report.size_ratio == stored / before <= 0.30


def test_the_report_has_every_layer_in_order_with_its_error(quantized: tuple[Path, QuantizationReport]) -> None:
    out, report = quantized
    assert [layer.name for layer in report.layers] == [f"layers.{i}.{name}" for i in (0, 1) for name in LINEARS]
    for layer in report.layers:
        assert 0 < layer.error <= layer.nearest_error < 0.05
        assert 0 < layer.input_range_99 <= layer.input_range
        assert 0.6 <= layer.kept_range <= 1.01
    assert read_quantization_report(out) == report
    assert 0 <= report.output_divergence < 1e-3


def test_a_layer_is_measured_on_what_the_quantized_layers_before_it_give(
    student: Path, release: Path, quantized: tuple[Path, QuantizationReport]
) -> None:
    out, report = quantized
    seen: dict[str, float] = {}
    model = read_back(student, out)

    def watch(name: str) -> Callable[..., None]:
        def record(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            seen[name] = max(seen.get(name, 0.0), float(args[0].abs().max()))

        return record

    for index, layer in enumerate(model.model.layers):
        for name, module in layer.named_modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(watch(f"layers.{index}.{name}"))
                module.register_forward_pre_hook(quantize_inputs)
    data = choose_traces(open_release(release), build_tokenizer(), student, 512)
    for tokens, _ in stack_by_length(data.calibration):
        model(input_ids=tokens)
    assert {layer.name: layer.input_range for layer in report.layers} == pytest.approx(seen, rel=1e-4)


def test_calibration_and_judgement_share_no_trace_and_keep_to_the_students_levels(release: Path, student: Path) -> None:
    data = choose_traces(open_release(release), build_tokenizer(), student, 512)
    assert not set(data.calibration) & set(data.judged) and data.judged
    levels = open_release(release).table("train", columns=["level"])["level"].to_pylist()
    assert len(data.calibration) + len(data.judged) == sum(level in (1, 2) for level in levels)


def test_quantizing_again_gives_the_same_bytes_and_a_finished_one_is_taken(
    student: Path, release: Path, quantized: tuple[Path, QuantizationReport], tmp_path: Path
) -> None:
    out, report = quantized
    again = quantize_checkpoint(student, release, tmp_path / "again", settings=EIGHT_BITS)
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    assert again.model_dump(exclude={"seconds"}) == report.model_dump(exclude={"seconds"})
    before = (out / REPORT).stat().st_mtime_ns
    assert quantize_checkpoint(student, release, out, settings=EIGHT_BITS) == report
    assert (out / REPORT).stat().st_mtime_ns == before


def test_it_carries_tokenizer_template_card_and_the_format_that_engines_read(
    student: Path, quantized: tuple[Path, QuantizationReport]
) -> None:
    out, report = quantized
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (student / name).read_bytes()
    config = json.loads((out / "config.json").read_text())
    described = config["quantization_config"]
    assert (described["quant_method"], described["format"]) == ("compressed-tensors", "int-quantized")
    group = described["config_groups"]["group_0"]
    assert (group["weights"]["num_bits"], group["weights"]["strategy"]) == (8, "channel")
    assert (group["input_activations"]["strategy"], group["input_activations"]["dynamic"]) == ("token", True)
    assert config["dtype"] == "bfloat16"
    assert f"{report.size_ratio:.1%}" in (out / "README.md").read_text()


def test_another_checkpoint_in_the_folder_is_not_overwritten(
    student: Path, release: Path, quantized: tuple[Path, Any], tmp_path: Path
) -> None:
    shutil.copytree(student, tmp_path / "other")
    tensors = load_file(tmp_path / "other" / "model.safetensors")
    save_file({name: value * 1.5 for name, value in tensors.items()}, tmp_path / "other" / "model.safetensors")
    with pytest.raises(InputError, match=r"holds another quantized checkpoint .*choose another --out, or remove"):
        quantize_checkpoint(tmp_path / "other", release, quantized[0])


def test_a_quantized_checkpoint_is_not_quantized_again(
    release: Path, quantized: tuple[Path, Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is quantized already: name the checkpoint that it was made from"):
        quantize_checkpoint(quantized[0], release, tmp_path / "out")


def test_weights_that_only_unpickling_could_load_are_refused(student: Path, release: Path, tmp_path: Path) -> None:
    shutil.copytree(student, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"in pytorch_model\.bin, a pickle, which would run code"):
        quantize_checkpoint(tmp_path / "pickled", release, tmp_path / "out")


def test_a_folder_that_is_no_checkpoint_is_refused(release: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"holds no config\.json, so it is no checkpoint"):
        quantize_checkpoint(tmp_path, release, tmp_path / "out")


def test_a_model_that_is_built_otherwise_is_refused(release: Path, tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=2, n_positions=64)
    save_checkpoint(GPT2LMHeadModel(config), tokenizer, tmp_path / "gpt2")
    with pytest.raises(InputError, match=r"received a GPT2LMHeadModel, expected a decoder .* can't be quantized"):
        quantize_checkpoint(tmp_path / "gpt2", release, tmp_path / "out")


def test_too_few_traces_are_refused(
    student: Path, tmp_path: Path, make_release: Callable[..., Path], make_trace: Callable[..., Any]
) -> None:
    few = make_release(tmp_path, [make_trace(f"{n}+1", f"{n}+1={n + 1}\n#### {n + 1}") for n in range(20)])
    with pytest.raises(InputError, match=r"has \d+ traces to calibrate on, expected at least 32: use a larger release"):
        quantize_checkpoint(student, few, tmp_path / "out")


def test_a_damaged_release_is_refused(student: Path, damaged: Path, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="damaged"):
        quantize_checkpoint(student, damaged, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_int4_takes_less_than_a_fifth_of_the_layers_and_reads_back(
    student: Path, release: Path, tmp_path: Path
) -> None:
    report = quantize_checkpoint(student, release, tmp_path / "int4", settings=QuantizeSettings(scheme="int4"))
    config = json.loads((tmp_path / "int4" / "config.json").read_text())["quantization_config"]
    assert (config["format"], config["config_groups"]["group_0"]["weights"]["group_size"]) == ("pack-quantized", 32)
    stored, before = load_file(tmp_path / "int4" / "model.safetensors"), load_file(student / "model.safetensors")
    for name, value in before.items():
        if ".layers." in name and value.ndim == 2:
            integers = unpack_from_int32(stored[f"{name}_packed"], 4, value.shape)
            scales = stored[f"{name}_scale"].float().repeat_interleave(32, dim=1)
            assert stored[f"{name}_shape"].tolist() == list(value.shape)
            assert float((integers.float() * scales - value).norm() / value.norm()) < 0.25, name
    assert measure_tensors(tmp_path / "int4").parameters == measure_tensors(student).parameters
    assert report.size_ratio < 0.2
    assert "int4" in (tmp_path / "int4" / "README.md").read_text()
    with pytest.raises(InputError, match="another quantized checkpoint"):
        quantize_checkpoint(student, release, tmp_path / "int4")


def test_layers_that_groups_do_not_divide_are_refused(release: Path, tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=256,
    )
    save_checkpoint(LlamaForCausalLM(config), tokenizer, tmp_path / "odd")
    with pytest.raises(InputError, match=r"layers.0.mlp.down_proj has 48 inputs, expected a multiple"):
        quantize_checkpoint(tmp_path / "odd", release, tmp_path / "int4", settings=QuantizeSettings(scheme="int4"))
    assert not (tmp_path / "int4").exists()


def zeros_by_run(integers: torch.Tensor) -> torch.Tensor:
    return (integers.unflatten(1, (-1, 4)) == 0).sum(dim=2)


@pytest.mark.parametrize("scheme", ["int8", "int4"])
def test_two_of_each_four_weights_are_zero_where_it_is_asked_for(
    scheme: Literal["int8", "int4"], student: Path, release: Path, tmp_path: Path
) -> None:
    sparse = quantize_checkpoint(
        student, release, tmp_path / "sparse", settings=QuantizeSettings(scheme=scheme, sparsity="2:4")
    )
    stored, before = load_file(tmp_path / "sparse" / "model.safetensors"), load_file(student / "model.safetensors")
    inside = [name for name, value in before.items() if ".layers." in name and value.ndim == 2]
    for name in inside:
        packed = stored.get(f"{name}_packed")
        integers = stored[name] if packed is None else unpack_from_int32(packed, 4, before[name].shape)
        assert zeros_by_run(integers).min() >= 2, name
    assert all(layer.error <= layer.nearest_error for layer in sparse.layers)
    assert sum(layer.scheme == "gptq" for layer in sparse.layers) >= len(inside) // 2
    assert "2:4" in (tmp_path / "sparse" / "README.md").read_text()
    assert sparse.run != quantize_checkpoint(student, release, tmp_path / "dense").run


def test_the_layers_that_cost_most_are_kept_until_a_budget_is_met(student: Path, release: Path, tmp_path: Path) -> None:
    def quantize(name: str, budget: float | None) -> QuantizationReport:
        return quantize_checkpoint(
            student, release, tmp_path / name, settings=QuantizeSettings(scheme="int4", budget=budget)
        )

    whole = quantize("whole", None)
    loose, tight = (quantize(f"{part}", whole.output_divergence * part) for part in (0.7, 0.2))
    kept = [{layer.name for layer in report.layers if layer.scheme == "kept"} for report in (whole, loose, tight)]
    assert len(kept[0]) == 0 < len(kept[1]) < len(kept[2]) < len(tight.layers)
    assert loose.output_divergence <= 0.7 * whole.output_divergence
    assert tight.output_divergence <= 0.2 * whole.output_divergence
    assert whole.tensor_bytes < loose.tensor_bytes < tight.tensor_bytes
    stored = load_file(tmp_path / "0.2" / "model.safetensors")
    for layer in tight.layers:
        name = f"model.{layer.name}.weight"
        assert (name in stored) == (layer.scheme == "kept") != (f"{name}_packed" in stored)
        assert layer.scheme != "kept" or stored[name].dtype is torch.bfloat16
    ignored = json.loads((tmp_path / "0.2" / "config.json").read_text())["quantization_config"]["ignore"]
    assert set(ignored) == {"lm_head", *(f"model.{name}" for name in kept[2])}
    together = ({"q_proj", "k_proj", "v_proj"}, {"gate_proj", "up_proj"})
    for index in (0, 1):
        last = {name.split(".")[-1] for name in kept[2] if name.startswith(f"layers.{index}.")}
        assert all(not group & last or group <= last for group in together)


def test_a_budget_that_no_choice_of_layers_meets_is_refused(student: Path, release: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a budget of 1e-12 nats a token can't be met: embeddings, head and norms"):
        quantize_checkpoint(student, release, tmp_path / "out", settings=QuantizeSettings(budget=1e-12))
    assert not (tmp_path / "out").exists()


def test_with_a_reduced_range_weights_have_seven_bits_and_hardly_move_the_output(
    student: Path, release: Path, quantized: tuple[Path, QuantizationReport], tmp_path: Path
) -> None:
    report = quantize_checkpoint(student, release, tmp_path / "reduced", settings=QuantizeSettings(reduce_range=True))
    integers = [
        tensor
        for tensor in load_file(tmp_path / "reduced" / "model.safetensors").values()
        if tensor.dtype == torch.int8
    ]
    assert max(int(tensor.abs().max()) for tensor in integers) == 63
    assert report.reduce_range and "seven bits" in (tmp_path / "reduced" / "README.md").read_text()
    assert report.size_ratio == quantized[1].size_ratio and report.output_divergence < 1e-3


def test_a_range_is_reduced_for_int8_alone(student: Path, release: Path, tmp_path: Path) -> None:
    settings = QuantizeSettings(scheme="int4", reduce_range=True)
    with pytest.raises(InputError, match="leave out reduce_range"):
        quantize_checkpoint(student, release, tmp_path / "out", settings=settings)


@pytest.mark.skipif(torch.cuda.is_available() or platform.machine() != "x86_64", reason="about x86 without a GPU")
@pytest.mark.parametrize(
    ("flags", "saturates"),
    [("fpu avx2", True), ("fpu avx512f avx512bw", True), ("avx512f avx512_vnni", False), ("avx2 avx_vnni", False)],
)
def test_processors_without_vnni_saturate(flags: str, saturates: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert saturates_int8(tmp_path / "cpuinfo") is saturates
    assert not saturates_int8(tmp_path / "nothing")
