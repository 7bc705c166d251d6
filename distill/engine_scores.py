"""The teacher in an engine of its own, asked for its distributions over texts that a student wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from tracewright.distill.data import Lesson
from tracewright.distill.loss_config import OutputConfig
from tracewright.distill.losses import TopDistribution, WholeDistribution
from tracewright.distill.stage_config import OnPolicyConfig
from tracewright.distill.stored import list_temperatures
from tracewright.distill.targets import EMBEDDED, LoadedTeacher
from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines.base import Distributions, ScoringRequest
from tracewright.pipeline.engines.steady_engine import SteadyEngine
from tracewright.pipeline.engines.teachers import vllm_settings
from tracewright.pipeline.engines.vllm_engine import VllmEngine
from tracewright.schemas import InputError


class EngineScores:
    """A running teacher. Close it, or leave its `with` block."""

    def __init__(self, teacher: LoadedTeacher, config: OnPolicyConfig, output: OutputConfig, log: Path) -> None:
        """Start it; loads in the background.

        Raises:
            InputError: it would tell too few tokens for the loss's temperature.
        """
        self._vocabulary = teacher.vocabulary
        all_tokens = int(teacher.config.vocab_size)
        """The model's, which may be padded beyond the tokenizer's."""
        self._likeliest = min(config.likeliest, all_tokens)
        self._is_whole = self._likeliest == all_tokens
        others = [f"{temperature:g}" for temperature in list_temperatures(output) if temperature != 1.0]
        if others and not self._is_whole:
            raise InputError(
                f"the output loss is measured at temperature {', '.join(others)}, for which the {self._likeliest} "
                f"likeliest of {all_tokens} tokens do not suffice: set losses.output.temperature to 1 and "
                f"schedule to constant, or on_policy.likeliest to {all_tokens}"
            )
        is_embedded = teacher.name == EMBEDDED
        settings = vllm_settings(
            TeacherConfig(
                engine="embedded" if is_embedded else "vllm",
                model=None if is_embedded else teacher.name,
                logprobs=self._likeliest,
                engine_args=config.engine_args,
            )
        )
        self._engine = SteadyEngine(lambda: VllmEngine(settings, log))

    @property
    def pid(self) -> int:
        """Of the engine's process."""
        return self._engine.pid

    def ask(self, lessons: Sequence[Lesson]) -> TopDistribution | WholeDistribution:
        """At a batch's learnt positions, example after example.

        Raises:
            EngineError: the engine is gone for good.
        """
        texts = [(one.teacher_prompt, one.example.completion) for one in lessons]
        asked = [ScoringRequest((*prompt, *completion), len(prompt)) for prompt, completion in texts]
        return self._gather(self._engine.score(asked, self._likeliest))

    def close(self) -> None:
        """End the engine."""
        self._engine.close()

    def __enter__(self) -> EngineScores:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gather(self, found: Sequence[Distributions]) -> TopDistribution | WholeDistribution:
        """As one, over the real tokens alone."""
        places = [place for one in found for place in zip(one.top_ids, one.top_logprobs, strict=True)]
        real = [[pair for pair in zip(*place, strict=True) if pair[0] < self._vocabulary] for place in places]
        width = min(map(len, real))
        tokens_N_K = torch.tensor([[token for token, _ in row[:width]] for row in real])
        logprobs_N_K = torch.tensor([[logprob for _, logprob in row[:width]] for row in real])
        if self._is_whole:
            return WholeDistribution(torch.empty(len(real), width).scatter_(1, tokens_N_K, logprobs_N_K))
        return TopDistribution(tokens_N_K, logprobs_N_K, torch.zeros(len(real)), 1.0)
