"""An engine that runs a model in this process, one request after another: how an edge device serves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from transformers import GenerationConfig

from tracewright.distill.checkpoint import MAX_TOKENS
from tracewright.distill.loading import load_tokenizer
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.schemas import FinishReason


class LocalModel(Protocol):
    """A model that keeps what it has seen."""

    name: str

    def start(self) -> None:
        """Forget what was seen."""
        ...

    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits (V) of what follows, once these tokens have been seen too."""
        ...


@dataclass(frozen=True)
class LocalSettings:
    """How answers are drawn, and where they end."""

    max_tokens: int
    context: int
    """Tokens of prompt and answer together."""
    temperature: float = 1.0


def read_settings(folder: Path, max_tokens: int | None = None) -> LocalSettings:
    """As for vLLM: half of the model's context for an answer, at most 2,048 tokens, where nothing is said."""
    context = int(json.loads((folder / "config.json").read_text()).get("max_position_embeddings", 2 * MAX_TOKENS))
    return LocalSettings(max_tokens or min(MAX_TOKENS, context // 2), context)


class LocalEngine:
    """The engine protocol over a model of this process. Requests are answered in their order."""

    def __init__(self, model: LocalModel, folder: Path, settings: LocalSettings) -> None:
        self._model, self._settings = model, settings
        self._tokenizer: Any = load_tokenizer(folder)
        self._size = len(self._tokenizer)
        ends: Any = GenerationConfig.from_pretrained(folder).eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])

    @property
    def name(self) -> str:
        """The runtime with its version."""
        return self._model.name

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """One result a request; a None among the requests ends the stream, since nothing is in flight."""
        for request in requests:
            if request is None:
                return
            yield self._complete(request)

    def close(self) -> None:
        """Nothing runs once the stream has ended."""

    def _complete(self, request: Request) -> Completion | Failure:
        began = time.monotonic()
        prompt = self._render(request)
        ids = self._tokenizer.encode(prompt, add_special_tokens=self._tokenizer.chat_template is None)
        room = min(self._settings.max_tokens, self._settings.context - len(ids))
        if room < 1:
            return Failure(request.key, f"the prompt has {len(ids)} tokens, the model reads {self._settings.context}")
        rng = None if request.greedy else np.random.default_rng(request.seed)
        answer, ended = self._generate(ids, room, rng)
        return Completion(
            key=request.key,
            prompt=prompt,
            text=self._tokenizer.decode(answer, skip_special_tokens=False),
            finish_reason=FinishReason.STOP if ended else FinishReason.LENGTH,
            token_ids=tuple(answer),
            token_logprobs=None,
            token_ends=None,
            top_logprobs=None,
            token_count=len(answer),
            seconds=time.monotonic() - began,
            prompt_token_count=len(ids),
        )

    def _generate(self, prompt: list[int], room: int, rng: np.random.Generator | None) -> tuple[list[int], bool]:
        """The answer's tokens, and whether it came to its end."""
        self._model.start()
        answer: list[int] = []
        tokens = prompt
        while len(answer) < room:
            token = self._draw(self._model.read(tokens), rng)
            if token in self._ends:
                return answer, True
            answer.append(token)
            tokens = [token]
        return answer, False

    def _draw(self, logits_V: NDArray[np.float32], rng: np.random.Generator | None) -> int:
        logits_V = logits_V[: self._size]  # what pads the vocabulary is no token
        if rng is None:
            return int(logits_V.argmax())
        # Gumbel's trick: the largest of logits with such noise is a draw from their distribution.
        noise_V = rng.gumbel(size=len(logits_V))
        return int((logits_V / self._settings.temperature + noise_V).argmax())

    def _render(self, request: Request) -> str:
        if self._tokenizer.chat_template is None:
            return request.question
        messages = [{"role": "user", "content": request.question}]
        return str(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
