r"""Learned process reward models, served by vLLM's pooling interface: one adapter, for whoever has such a model.

Start one, for example, with

    vllm serve Qwen/Qwen2.5-Math-PRM-7B --runner pooling \
        --pooler-config '{"pooling_type": "STEP", "step_tag_id": 151651}'

What it says of a step is the model's own opinion. It is no confidence: nobody calibrated it on this teacher, so it is
neither stored as one nor among its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from tracewright.schemas import EngineError, InputError

_REQUEST_TIMEOUT_SECONDS = 300.0
_CONNECT_TIMEOUT_SECONDS = 10.0
_MAX_ANSWER_CHARS = 300
"""Of a server's refusal, as far as it is repeated."""


class StepRewarder(Protocol):
    """Says of every step of a completion how likely a learned model takes it to be right."""

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        """One number from 0 to 1 for each step, in order.

        Raises:
            EngineError: the model gave none.
        """
        ...


@dataclass(frozen=True)
class RewardModelSettings:
    """Where the model is and how it reads a completion; the defaults are those of Qwen2.5-Math-PRM."""

    base_url: str
    """Of the server, without `/pooling`: http://127.0.0.1:8000"""
    model: str
    """The name under which it is served."""
    step_mark: str = "<extra_0>"
    """Stands after every step; one token of the model's, the one whose id is the server's `step_tag_id`."""
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    right_column: int = -1
    """Which of the model's classes says that a step is right."""
    max_in_flight: int = 32


class PoolingRewardModel:
    """A process reward model behind vLLM's `/pooling`; to be used in a `with` block, from any thread."""

    def __init__(self, settings: RewardModelSettings) -> None:
        self._settings = settings
        self._client = httpx.Client(
            base_url=settings.base_url.rstrip("/"),
            timeout=httpx.Timeout(_REQUEST_TIMEOUT_SECONDS, connect=_CONNECT_TIMEOUT_SECONDS),
            limits=httpx.Limits(max_connections=settings.max_in_flight),
            trust_env=False,
        )

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        """See `StepRewarder.score`. The mark is taken out of the texts: no step can pass for two.

        Raises:
            EngineError: the server can't be reached, refuses, or gives something else than one probability a step.
            InputError: there are no steps.
        """
        if not steps:
            raise InputError("a reward model needs one step or more: got none")
        answer = self._post(self._body(question, steps))
        try:
            rows = [_to_numbers(row) for row in answer["data"][0]["data"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EngineError(
                f"{self._settings.base_url} gave no rewards: {error!r}: is it served with `--runner pooling`?"
            ) from error
        if len(rows) != len(steps):
            raise EngineError(
                f"{self._settings.base_url} gave {len(rows)} rewards for {len(steps)} steps: start the server with a "
                f"pooler config of type STEP whose step_tag_id is that of {self._settings.step_mark!r}"
            )
        return [self._choose(row) for row in rows]

    def score_many(self, completions: Iterable[tuple[str, Sequence[str]]]) -> Iterator[list[float]]:
        """The scores of many completions, each a question and its steps, in order; several are under way at once.

        Raises:
            EngineError, InputError: as `score`.
        """
        with ThreadPoolExecutor(self._settings.max_in_flight) as pool:
            yield from pool.map(lambda one: self.score(*one), completions)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _body(self, question: str, steps: Sequence[str]) -> dict[str, Any]:
        mark, system = self._settings.step_mark, self._settings.system
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": question.replace(mark, "")})
        messages.append({"role": "assistant", "content": "".join(step.replace(mark, "") + mark for step in steps)})
        return {"model": self._settings.model, "messages": messages, "add_generation_prompt": False}

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.post("/pooling", json=body)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPStatusError as error:
            said = error.response.text[:_MAX_ANSWER_CHARS]
            raise EngineError(
                f"{self._settings.base_url} refused with status {error.response.status_code}: {said}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            raise EngineError(
                f"{self._settings.base_url} can't be asked: {error}: is the reward model's server up?"
            ) from error

    def _choose(self, row: Sequence[float]) -> float:
        try:
            value = row[self._settings.right_column]
        except IndexError:
            raise EngineError(
                f"the reward model gives {len(row)} numbers a step, and right_column is {self._settings.right_column}"
            ) from None
        if not 0.0 <= value <= 1.0:
            raise EngineError(
                f"the reward model gives {value} for a step, which is no probability: start its server without "
                '"use_activation": false'
            )
        return value


def _to_numbers(row: Any) -> list[float]:
    return [float(value) for value in row] if isinstance(row, list) else [float(row)]
