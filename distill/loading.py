"""Models and tokenizers of somebody else's checkpoint, without running what is in it.

Weights are safetensors and no Python file of a checkpoint is imported. Two further ways to code or to other weights are
closed here, which transformers opens by itself: a config that names a kernel on a hub as its attention, which is
fetched and run where the `kernels` package is installed, and an adapter, in whose stead its base model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig

from tracewright.distill.checkpoint import read_config
from tracewright.schemas import InputError

_LOADING = (OSError, ValueError, RuntimeError, ImportError, SafetensorError)
"""What transformers raises for what it can't load."""
_ADAPTER = "adapter_config.json"


def load_config(source: Path | str) -> PreTrainedConfig:
    """The config of a checkpoint's folder, or of a hub name.

    Raises:
        MissingInputError, InputError: it is no checkpoint, is an adapter, or names code that would have to run.
    """
    folder = Path(source)
    is_folder = isinstance(source, Path) or folder.is_dir()
    if is_folder:
        read_config(folder)
        if (folder / _ADAPTER).exists():
            raise InputError(
                f"{folder} holds {_ADAPTER}, so that another model would be loaded from where that names it; expected "
                "a whole model: merge the adapter into it, or remove that file"
            )
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=is_folder)
    except _LOADING as error:
        raise _refusal(source, error) from error
    for part in (config, *(getattr(config, name) for name in config.sub_configs)):
        attention = getattr(part, "_attn_implementation", None)
        if isinstance(attention, dict) or "/" in str(attention):
            raise InputError(
                f"the config of {source} names {attention!r} as its attention, which is code on a hub; expected eager, "
                "sdpa or nothing: remove attn_implementation from its config.json"
            )
    return config


def load_model(source: Path | str, *, dtype: Any, attention: str | None = None) -> Any:
    """A checkpoint's model for text; `dtype` and `attention` as transformers takes them.

    Raises:
        MissingInputError, InputError: as `load_config`; or the weights don't fit or are damaged.
    """
    config = load_config(source)
    # Only where it is given: transformers chooses by what the architecture has.
    chosen = {} if attention is None else {"attn_implementation": attention}
    try:
        return AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=Path(source).is_dir(),
            **chosen,
        )
    except _LOADING as error:
        raise _refusal(source, error) from error


def load_tokenizer(source: Path | str) -> Any:
    """A checkpoint's tokenizer.

    Raises:
        InputError: it can't be loaded.
    """
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=Path(source).is_dir())
    except _LOADING as error:
        raise _refusal(source, error) from error


def _refusal(source: Path | str, error: BaseException) -> InputError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InputError(f"{source} can't be loaded ({said}): name the folder of an intact checkpoint")
