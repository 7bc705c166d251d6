"""What a checkpoint may not bring along: code, kernels of a hub, another model in its stead."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tracewright.distill.loading import load_config, load_model, load_tokenizer
from tracewright.pipeline.engines import embedded
from tracewright.schemas import InputError, MissingInputError

CODE = {
    "auto_map": {"AutoConfig": "hostile.Any", "AutoModelForCausalLM": "hostile.Any", "AutoTokenizer": "hostile.Any"}
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    shutil.copytree(embedded.checkpoint_path(), folder)
    (folder / "hostile.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Any: pass\n")
    return folder


def change(folder: Path, name: str, changes: dict[str, Any]) -> None:
    path = folder / name
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))


def test_a_checkpoint_is_loaded_in_the_format_asked_for(checkpoint: Path) -> None:
    model = load_model(checkpoint, dtype=torch.bfloat16, attention="eager")
    assert (model.dtype, model.config._attn_implementation) == (torch.bfloat16, "eager")
    assert len(load_tokenizer(checkpoint)) <= model.config.vocab_size


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("kernel", ["somebody/kernel", "somebody/kernel:function", {"": "somebody/kernel"}])
def test_a_kernel_of_a_hub_is_refused_by_its_name(checkpoint: Path, key: str, kernel: object) -> None:
    change(checkpoint, "config.json", {key: kernel})
    with pytest.raises(InputError, match=r"somebody/kernel.* as its attention, which is code on a hub"):
        load_model(checkpoint, dtype=torch.float32)


def test_an_adapter_in_the_folder_is_refused(checkpoint: Path) -> None:
    change(checkpoint, "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "somebody/else"})
    with pytest.raises(InputError, match=r"holds adapter_config\.json, so that another model would be loaded"):
        load_model(checkpoint, dtype=torch.float32)


@pytest.mark.parametrize("kind", ["llama", "hostile"])
def test_no_python_file_is_imported_and_nobody_is_asked(
    checkpoint: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    change(checkpoint, "config.json", CODE | {"model_type": kind})
    change(checkpoint, "tokenizer_config.json", CODE)
    if kind == "hostile":
        with pytest.raises(InputError, match="can't be loaded"):
            load_model(checkpoint, dtype=torch.float32)
    else:
        load_model(checkpoint, dtype=torch.float32)
        load_tokenizer(checkpoint)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_config_is_said(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "config.json").write_text('{"model_type": ')
    with pytest.raises(InputError, match=r"config\.json is no JSON"):
        load_config(checkpoint)
    with pytest.raises(MissingInputError, match=r"holds no config\.json"):
        load_config(tmp_path)
