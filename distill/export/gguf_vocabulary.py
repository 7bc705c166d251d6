"""A tokenizer as llama.cpp has it: tokens, their kinds, and how text is cut into them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gguf import TokenType

from tracewright.schemas import InputError

if TYPE_CHECKING:
    from gguf import GGUFWriter

_SPACE = "▁"
"""How llama.cpp's unigram vocabulary writes a space."""
_BYTE_LEVEL = "ByteLevel"
_QWEN2_SPLIT = r"\p{N}|"
"""What tells Qwen's way of cutting words, each digit by itself, from others."""


def write_vocabulary(writer: GGUFWriter, tokenizer: Any, size: int) -> None:
    """Add the tokenizer's vocabulary and chat template; places beyond its tokens are filled up to `size`.

    Byte-level BPE as of GPT-2 and Qwen 2 is taken over with its merges. Of a vocabulary of whole words or characters
    llama.cpp takes as few tokens as it can.

    Raises:
        InputError: the tokenizer is of another kind.
    """
    stated: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    kind, pre = stated["model"]["type"], _name_cutting(stated["pre_tokenizer"])
    if kind != "WordLevel" and not (kind == "BPE" and pre):
        raise InputError(
            f"the tokenizer is a {kind} that GGUF has no name for here, expected GPT-2's or Qwen's byte-level BPE or a "
            "vocabulary of words: export to onnx"
        )
    tokens = [f"[PAD{place}]" for place in range(size)]
    kinds = [TokenType.UNUSED] * size
    for text, place in stated["model"]["vocab"].items():
        tokens[place], kinds[place] = text, TokenType.NORMAL
    if kind == "BPE":
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(str(pre))
        merges = stated["model"]["merges"]
        writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    else:
        writer.add_tokenizer_model("t5")
        writer.add_tokenizer_pre("default")
        tokens = [token.replace(" ", _SPACE) for token in tokens]
        writer.add_token_scores([-1.0] * size)
        writer.add_add_space_prefix(False)
        writer.add_remove_extra_whitespaces(False)
    for added in stated["added_tokens"]:
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    _mark_special(writer, tokenizer, kinds)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_add_bos_token(False)  # the chat template says where one stands
    if tokenizer.chat_template is not None:
        writer.add_chat_template(tokenizer.chat_template)


def _name_cutting(pre_tokenizer: dict[str, Any] | None) -> str | None:
    """llama.cpp's name of how a byte-level BPE cuts text into words; None where it is none that is known."""
    parts: list[dict[str, Any]] = (pre_tokenizer or {}).get("pretokenizers") or [pre_tokenizer or {}]
    if parts[-1].get("type") != _BYTE_LEVEL or parts[-1].get("add_prefix_space"):
        return None
    if len(parts) == 1:
        return "gpt-2" if parts[0].get("use_regex", True) else None
    pattern = str(parts[0].get("pattern", {}).get("Regex", ""))
    return "qwen2" if len(parts) == 2 and _QWEN2_SPLIT in pattern else None


def _mark_special(writer: GGUFWriter, tokenizer: Any, kinds: list[TokenType]) -> None:
    for place, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
    ):
        if place is not None:
            add(place)
    if tokenizer.unk_token_id is not None:
        kinds[tokenizer.unk_token_id] = TokenType.UNKNOWN
