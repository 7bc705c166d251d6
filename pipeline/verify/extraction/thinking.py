"""The part of a completion that its author shows: thinking never counts as the answer."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis"
_THINKING_TAG = re.compile(
    rf"(?P<open><\s*(?:{_NAMES})\s*>|<\|begin_of_thought\|>|◁think▷|\[THINK\])"
    rf"|(?P<close></\s*(?:{_NAMES})\s*>|<\|end_of_thought\|>|◁/think▷|\[/THINK\])",
    re.IGNORECASE,
)
_FINAL_CHANNEL = re.compile(r"<\|channel\|>final(?:<\|[a-z]+\|>[^<]{0,40})?<\|message\|>")
_OTHER_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary)\b")
_TURN_END = re.compile(
    r"<\|im_end\|>|<\|im_start\|>\s*(?:user|system)|<\|eot_id\|>|<\|endoftext\|>|<\|end_of_text\|>|<\|return\|>"
    r"|<end_of_turn>|<｜end▁of▁sentence｜>|</s>"
)
_TAG_BEGINS = "<[◁"
"""Every mark begins with one of these."""


def strip_thinking(completion: str) -> str | None:
    """The shown text, up to the end of the author's turn; None where the thinking never ends.

    A closing tag without an opening one ends thinking that began in the prompt, as some chat templates have it.
    """
    if not any(sign in completion for sign in _TAG_BEGINS):
        return completion
    text = _final_channel(completion)
    if text is None:
        return None
    shown: list[str] = []
    position, thinks = 0, False
    for tag in _THINKING_TAG.finditer(text):
        if tag.lastgroup == "open":
            shown.append("" if thinks else text[position : tag.start()])
            thinks = True
        else:
            if not thinks:
                shown.clear()
            thinks = False
        position = tag.end()
    if thinks:
        return None
    return _first_turn("".join([*shown, text[position:]]))


def _final_channel(text: str) -> str | None:
    """The last final message where the text has channels (the Harmony format); None where it has others only."""
    *_, last = [None, *_FINAL_CHANNEL.finditer(text)]
    if last is not None:
        return text[last.end() :]
    return None if _OTHER_CHANNEL.search(text) else text


def _first_turn(text: str) -> str:
    end = _TURN_END.search(text)
    return text[: end.start()] if end else text
