"""A GGUF file is the model: its numbers, its tokens, its template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.evaluation import evaluate_greedy
from tracewright.distill.export import export_checkpoint, list_exported
from tracewright.distill.export.gguf_export import GGUF_FILE, GGUF_INT8_FILE
from tracewright.distill.export.runtimes import Runtime, can_run, check_model, start_engine
from tracewright.distill.version_config import ExportFormat
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import InputError

TEACHER = Path(embedded.__file__).parent
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "head_dim": 32,
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "teacher-gguf"
    export_checkpoint(TEACHER, out, ExportFormat.GGUF)
    return out


def read_text(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    assert field is not None
    return field.contents()


def byte_level(words: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of GPT-2's kind that has seen a few words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        words, trainers.BpeTrainer(vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


def test_the_file_holds_the_models_numbers_and_the_small_one_rounds_them(exported: Path) -> None:
    whole, small = (gguf.GGUFReader(exported / name) for name in (GGUF_FILE, GGUF_INT8_FILE))
    by_name = {tensor.name: tensor for tensor in small.tensors}
    for tensor in whole.tensors:
        rounded = gguf.quants.dequantize(by_name[tensor.name].data, by_name[tensor.name].tensor_type)
        largest = np.abs(tensor.data).max()
        assert np.abs(rounded - tensor.data).max() <= largest / 127, tensor.name
    sizes = [(exported / name).stat().st_size for name in (GGUF_FILE, GGUF_INT8_FILE)]
    assert sizes[1] < 0.28 * sizes[0]
    report = json.loads((exported / "export.json").read_text())
    assert list(report["files"].values()) == sizes and report["largest_difference"] < 1e-3


def test_tokens_kinds_and_template_are_in_the_file(exported: Path) -> None:
    reader, tokenizer = gguf.GGUFReader(exported / GGUF_FILE), AutoTokenizer.from_pretrained(TEACHER)
    tokens = read_text(reader, "tokenizer.ggml.tokens")
    assert [token.replace("▁", " ") for token in tokens] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    kinds = read_text(reader, "tokenizer.ggml.token_type")
    assert kinds[tokenizer.eos_token_id] == gguf.TokenType.CONTROL and kinds[5] == gguf.TokenType.NORMAL
    assert read_text(reader, "tokenizer.ggml.eos_token_id") == tokenizer.eos_token_id
    assert read_text(reader, "tokenizer.chat_template") == tokenizer.chat_template


@pytest.mark.parametrize(
    ("config", "model"),
    [(LlamaConfig, LlamaForCausalLM), (Qwen2Config, Qwen2ForCausalLM), (Qwen3Config, Qwen3ForCausalLM)],
)
def test_models_of_each_kind_keep_their_logits(config: Any, model: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = byte_level(["two and two make four"] * 3)
    sizes = SIZES if model is not Qwen2ForCausalLM else SIZES | {"num_attention_heads": 2, "num_key_value_heads": 1}
    wanted = model(config(vocab_size=len(tokenizer) + 12, tie_word_embeddings=False, **sizes)).eval()
    for parameter in wanted.parameters():  # biases and norms too
        parameter.data.uniform_(-0.2, 0.2)
    save_checkpoint(wanted, tokenizer, tmp_path / "model")
    report = export_checkpoint(tmp_path / "model", tmp_path / "gguf", ExportFormat.GGUF)
    assert report.largest_difference < 1e-3
    taken = {"gguf_file": GGUF_FILE, "config": wanted.config, "dtype": torch.float32}
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "gguf", **taken).eval()
    tokens = torch.arange(40)[None]
    assert torch.allclose(read(tokens).logits, wanted(tokens).logits, atol=1e-4)


def test_byte_level_merges_are_taken_over(tmp_path: Path) -> None:
    tokenizer = byte_level(["the square root of two"] * 5)
    save_checkpoint(LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES)), tokenizer, tmp_path / "model")
    export_checkpoint(tmp_path / "model", tmp_path / "gguf", ExportFormat.GGUF)
    reader = gguf.GGUFReader(tmp_path / "gguf" / GGUF_FILE)
    assert read_text(reader, "tokenizer.ggml.pre") == "gpt-2"
    again = AutoTokenizer.from_pretrained(tmp_path / "gguf", gguf_file=GGUF_FILE)
    for text in ("the square root", "  of\n two!", "½ × √2 − é"):
        assert again(text, add_special_tokens=False).input_ids == tokenizer(text, add_special_tokens=False).input_ids


def test_what_llama_cpp_would_read_otherwise_is_refused(tmp_path: Path) -> None:
    words = byte_level(["one"])
    save_checkpoint(GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=1, n_head=2)), words, tmp_path / "gpt2")
    rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
    stretched = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), rope_parameters=rope, **SIZES))
    save_checkpoint(stretched, words, tmp_path / "stretched")
    pieces = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.Unigram([("a", 0.0), ("b", -1.0)], unk_id=0)))
    save_checkpoint(LlamaForCausalLM(LlamaConfig(vocab_size=2, **SIZES)), pieces, tmp_path / "unigram")
    for name, words in (("gpt2", "type gpt2"), ("stretched", "stretches its positions"), ("unigram", "is a Unigram")):
        with pytest.raises(InputError, match=words):
            export_checkpoint(tmp_path / name, tmp_path / "out", ExportFormat.GGUF)
    assert {path.name for path in tmp_path.iterdir()} == {"gpt2", "stretched", "unigram"}


def test_an_export_of_other_weights_is_not_taken(exported: Path, tmp_path: Path) -> None:
    assert [path.name for path in list_exported(exported, of=TEACHER)] == [GGUF_FILE, GGUF_INT8_FILE]
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match="something else than an export"):
        list_exported(exported, of=tmp_path)


@pytest.mark.skipif(can_run(Path("model.gguf")), reason="llama.cpp is installed")
def test_without_llama_cpp_it_is_said_how_to_get_it(exported: Path) -> None:
    with pytest.raises(InputError, match=r"tracewright\[llama-cpp\]"):
        check_model(exported)


@pytest.mark.slow
def test_llama_cpp_writes_the_text_that_the_checkpoint_writes(exported: Path, tmp_path: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama.cpp: pip install 'tracewright[llama-cpp]'")
    problems = list(draw_problems(24, {1: 8, 2: 8, 3: 8}, seed=9, held_out=True))
    answers = [
        evaluate_greedy(start_engine(path, Runtime.TRANSFORMERS, None, tmp_path / "log"), problems).answers
        for path in (TEACHER, exported, exported / GGUF_INT8_FILE)
    ]
    wanted, whole, small = ([answer.text for answer in one] for one in answers)
    assert whole == wanted
    assert sum(a == b for a, b in zip(small, wanted, strict=True)) >= 22
    alone = llama_cpp.Llama(str(exported / GGUF_FILE), n_ctx=512, verbose=False)  # its own tokens and template
    for problem, text in zip(problems, wanted, strict=True):
        messages = [{"role": "user", "content": problem.question.replace("×", "*").replace("−", "-")}]
        reply = alone.create_chat_completion(messages, temperature=0, max_tokens=256)
        assert reply["choices"][0]["message"]["content"] == text
