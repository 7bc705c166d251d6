"""What smaller numbers cost and bring: sizes, accuracy, per-layer calibration, dynamic batching, ONNX on the CPU.

`bench quantize`. The embedded teacher and a student of 6.7 % of it, both in int8, the teacher in int4 and int8 with 2:4
sparsity as well, each asked the same held-out problems as the unquantized model through vLLM. Per-layer calibration
against one scale for all layers, on both and on a wide model of random weights. Sixteen requests that arrive together
at vLLM's server, answered together and one after another, in turns. Release and student are kept in
./tracewright-data/bench; remove that folder to make them anew.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tracewright.distill.checkpoint import engine_settings, save_checkpoint
from tracewright.distill.evaluation import Evaluation, compare_paired, evaluate_greedy
from tracewright.distill.export import export_checkpoint
from tracewright.distill.export.onnx_export import INT8_FILE
from tracewright.distill.export.runtimes import Runtime, start_engine
from tracewright.distill.quantize import quantize_checkpoint
from tracewright.distill.quantize.calibration import choose_traces, stack_by_length
from tracewright.distill.quantize.checkpoint import measure_divergence, round_rest
from tracewright.distill.quantize.grid import INT8
from tracewright.distill.quantize.linear import QuantizedLinear
from tracewright.distill.quantize.walk import decoder_layers, list_linears, quantize_layers
from tracewright.distill.version_config import ExportFormat, QuantizeSettings
from tracewright.flows.runtime import configure_prefect
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.vllm_server import VllmServer
from tracewright.pipeline.release import open_release
from tracewright.pipeline.sources import draw_problems

_KEPT = Path("tracewright-data") / "bench" / "quantize"
LEVELS = (1, 2)
TRAINED_ON, STUDENT_STEPS = 1_500, 2_400
ASKED = 2_000
"""Held-out problems of one and two operators."""
MAX_TOKENS = 160
WIDE = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 2, "num_attention_heads": 16}
REQUESTS, PAIRS = 16, 7
EDGE_PROBLEMS, EDGE_PAIRS = 20, 5


def run(seed: int = 0) -> dict[str, Any]:
    """Ratios of bytes, points of accuracy, and latencies."""
    kept = _KEPT.resolve()
    release = make_release(kept)
    teacher, student = embedded.checkpoint_path(), train_student(kept, release)
    configure_prefect(kept)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            **measure_models(teacher, student, release, folder, seed),
            **measure_calibration({"teacher": teacher, "student": student, "wide": make_wide(folder)}, release),
            **measure_batching(teacher, folder),
            **measure_edge(teacher, folder, seed),
        }


def make_release(folder: Path) -> Path:
    """A release of what the embedded teacher wrote, through the commands that anyone would use."""
    release = folder / "release"
    if not release.exists():
        folder.mkdir(parents=True, exist_ok=True)
        problems = f"{{arithmetic: {{count: {TRAINED_ON}, operators: {list(LEVELS)}}}}}"
        teacher = "{engine: embedded, max_tokens: 320, logprobs: 5}"
        (folder / "generate.yaml").write_text(f"problems: {problems}\nteacher: {teacher}\nstore: ./store\n")
        call("generate", folder / "generate.yaml")
        where = ("--where", 'outcome == "correct"', "--name", "quantize", "--out", release)
        call("release", "create", folder / "store", *where)
    return release


def train_student(folder: Path, release: Path) -> Path:
    """The student; taken where it is trained already."""
    training = f"{{steps: {STUDENT_STEPS}, threads: 1}}"
    losses = "{trace: 0.5, output: {weight: 0.5, temperature: 2.0}}"
    text = f"release: {release}\nout: ./students\nlevels: {list(LEVELS)}\nlosses: {losses}\ntraining: {training}\n"
    (folder / "distill.yaml").write_text(text)
    call("distill", folder / "distill.yaml")
    return folder / "students" / "student"


def call(*words: object) -> None:
    """A command of tracewright; its table is not ours to print."""
    command = [str(Path(sys.executable).with_name("tracewright")), *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure_models(teacher: Path, student: Path, release: Path, folder: Path, seed: int) -> dict[str, Any]:
    """Sizes, and what each quantized model solves beyond the model that it was made from."""
    wanted = {
        "teacher_int8": (teacher, QuantizeSettings()),
        "teacher_int4": (teacher, QuantizeSettings(scheme="int4")),
        "teacher_sparse": (teacher, QuantizeSettings(sparsity="2:4")),
        "student_int8": (student, QuantizeSettings()),
        "student_int4": (student, QuantizeSettings(scheme="int4")),
    }
    ratios = {
        name: quantize_checkpoint(source, release, folder / name, settings=settings).size_ratio
        for name, (source, settings) in wanted.items()
    }
    paths = {"teacher": teacher, "student": student} | {name: folder / name for name in wanted}
    # Prefect reads its settings when it is imported: not before `configure_prefect`.
    from tracewright.flows.evaluate import Asking, evaluate
    from tracewright.flows.unrecorded import Unrecorded

    problems = list(draw_problems(ASKED, LEVELS, seed=seed + 77, held_out=True))
    asking = Asking(problems, max_tokens=MAX_TOKENS, keep=False)
    found: dict[str, Evaluation] = {}
    for name, path in paths.items():  # one engine at a time: seven side by side would fill the memory
        found |= evaluate({name: path}, Unrecorded(asking), folder / "logs")
    changes = {name: compare_paired(found[name], found[name.split("_")[0]]) for name in wanted}
    return {
        "size_ratio": ratios["teacher_int8"],
        "student_size_ratio": ratios["student_int8"],
        "int4_size_ratio": ratios["teacher_int4"],
        "drop_points": -min(changes[name].points for name in ("teacher_int8", "student_int8")),
        "int4_drop_points": -changes["teacher_int4"].points,
        "sparse_drop_points": -changes["teacher_sparse"].points,
        "problems": ASKED,
        "accuracy": {name: evaluation.accuracy().share for name, evaluation in found.items()},
        "changes": {name: [one.points, one.low, one.high] for name, one in changes.items()},
    }


def make_wide(folder: Path) -> Path:
    """A model of random weights with layers as wide as those of a real one."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(embedded.checkpoint_path())
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=512, **WIDE)
    save_checkpoint(LlamaForCausalLM(config), tokenizer, folder / "wide")
    return folder / "wide"


def measure_calibration(models: Mapping[str, Path], release: Path) -> dict[str, Any]:
    """Output KL of layers calibrated one after another, and of one weight scale for all of them. Activations have the
    grid of each token's largest value in both."""
    divergences: dict[str, list[float]] = {}
    opened = open_release(release)
    for name, path in models.items():
        tokenizer = AutoTokenizer.from_pretrained(path)
        original, layered, plain = (load(path) for _ in range(3))
        data = choose_traces(opened, tokenizer, path, 512)
        round_rest(layered)
        quantize_layers(INT8, layered, [tokens for tokens, _ in stack_by_length(data.calibration)])
        round_rest(plain)
        share_scale(plain)
        divergences[name] = [
            measure_divergence(original, model, data.judged, len(tokenizer)) for model in (layered, plain)
        ]
    return {
        "per_layer_better": all(layered < plain for layered, plain in divergences.values()),
        "divergences": divergences,
    }


def load(path: Path) -> Any:
    """In float32."""
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, use_safetensors=True).requires_grad_(False)


def share_scale(model: Any) -> None:
    """Round every weight to the nearest of one grid, which the largest weight of all layers sets."""
    linears = [(layer, *pair) for layer in decoder_layers(model) for pair in list_linears(layer)]
    scale = max(float(linear.weight.abs().max()) for _, _, linear in linears) / INT8.limit
    for layer, name, linear in linears:
        integers = INT8.round_weights(linear.weight, torch.tensor(scale))
        scales = torch.full((len(integers), 1), scale)
        layer.set_submodule(name, QuantizedLinear(INT8, integers, scales, linear.bias))


def measure_batching(model: Path, folder: Path) -> dict[str, Any]:
    """The p95 latency of requests that all arrive at once: answered together, as a share of one after another."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = engine_settings(model, max_in_flight=REQUESTS)
    with closing(VllmServer(settings, folder / "server.log", host="127.0.0.1", port=port, name="model")) as server:
        server.wait_until_ready()
        return asyncio.run(_measure_batching(f"{server.url}/v1/chat/completions"))


async def _measure_batching(url: str) -> dict[str, Any]:
    questions = [problem.question for problem in draw_problems(REQUESTS, (2,), seed=5, held_out=True)]
    together: list[list[float]] = []
    in_turn: list[list[float]] = []
    single: list[float] = []
    async with httpx.AsyncClient(timeout=120) as client:
        for pair in range(PAIRS + 1):  # the first one warms the engine up
            for way in sorted((together, in_turn), key=lambda one: one is in_turn, reverse=bool(pair % 2)):
                began = time.perf_counter()
                if way is together:
                    way.append(list(await asyncio.gather(*(_ask(client, url, q, began) for q in questions))))
                else:
                    way.append([await _ask(client, url, question, began) for question in questions])
            single.append(in_turn[-1][0])
    p95s = [(float(np.percentile(a, 95)), float(np.percentile(b, 95))) for a, b in zip(together, in_turn, strict=True)]
    return {
        "batching_p95_ratio": statistics.median(a / b for a, b in p95s[1:]),
        "batched_p95_ms": 1000 * statistics.median(a for a, _ in p95s[1:]),
        "one_after_another_p95_ms": 1000 * statistics.median(b for _, b in p95s[1:]),
        "single_request_ms": 1000 * statistics.median(single[1:]),
        "requests": REQUESTS,
    }


async def _ask(client: httpx.AsyncClient, url: str, question: str, began: float) -> float:
    """Seconds from the arrival of all requests to the end of this one's answer."""
    messages = [{"role": "user", "content": question}]
    body = {"model": "model", "temperature": 0, "max_tokens": MAX_TOKENS, "messages": messages}
    (await client.post(url, content=json.dumps(body), headers={"Content-Type": "application/json"})).raise_for_status()
    return time.perf_counter() - began


def measure_edge(model: Path, folder: Path, seed: int) -> dict[str, Any]:
    """Tokens a second at batch 1: the ONNX graph in int8 against transformers in float32."""
    export_checkpoint(model, folder / "onnx", ExportFormat.ONNX)
    problems = list(draw_problems(EDGE_PROBLEMS, LEVELS, seed=seed + 3, held_out=True))
    ways = {"onnx": folder / "onnx" / INT8_FILE, "transformers": model}
    engines = {
        name: start_engine(path, Runtime.TRANSFORMERS, MAX_TOKENS, folder / "log") for name, path in ways.items()
    }
    speeds: dict[str, list[float]] = {name: [] for name in engines}
    for pair in range(EDGE_PAIRS + 1):
        for name in sorted(engines, reverse=bool(pair % 2)):
            speeds[name].append(evaluate_greedy(engines[name], problems).tokens_per_second)
    pairs = list(zip(speeds["onnx"], speeds["transformers"], strict=True))[1:]
    return {
        "onnx_int8_ratio": statistics.median(a / b for a, b in pairs),
        "onnx_int8_tokens_per_second": statistics.median(a for a, _ in pairs),
        "transformers_tokens_per_second": statistics.median(b for _, b in pairs),
    }
