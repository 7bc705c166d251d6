r"""Proximal policy optimisation with a value head (Schulman et al. 2017, arXiv:1707.06347), compact.

.. math:: L = -\frac{1}{N} \sum_n \min(r_n A_n, \mathrm{clip}(r_n, 1 - \epsilon, 1 + \epsilon) A_n)
   + \frac{c}{N} \sum_n (v_n - R_n)^2

over the N tokens that the student wrote, with r the ratio of each one's probability now and when it was drawn, at the
sampling temperature. A is the generalised advantage estimate (Schulman et al. 2015, arXiv:1506.02438) with γ = 1 of a
reward that comes with the last token, brought to mean 0 and deviation 1; R = A + v before that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from tracewright.distill.batches import IGNORED, collate
from tracewright.distill.course import Course
from tracewright.distill.inheritance import head_weight
from tracewright.distill.learning import Learner
from tracewright.distill.optimization import Optimizer
from tracewright.distill.own_texts import OwnText, draw_questions, read_questions, write_texts
from tracewright.distill.rewards import reward_text
from tracewright.distill.stage_config import RewardConfig

_LAMBDA = 0.95
_VALUE_WEIGHT = 0.5
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Rollout:
    """A step's texts with what was known when they were drawn. N tokens over all texts."""

    texts: Sequence[OwnText]
    logprobs_N: torch.Tensor
    advantages_N: torch.Tensor
    returns_N: torch.Tensor


def make_ppo_step(
    course: Course, learner: Learner, optimizer: Optimizer, config: RewardConfig, start: int
) -> Callable[[int, float], dict[str, Any]]:
    """A function (step, fraction of the training) → the mean reward and the parts of the loss.

    All passes but the last are taken by the optimizer at once; the last one's gradients are left in the learner.
    """
    count = config.problems * config.group
    questions = draw_questions(read_questions(course), config.problems, course.config.training.seed, start)

    def learn(step: int, fraction: float) -> dict[str, Any]:
        asked = [question for question in next(questions) for _ in range(count // config.problems)]
        texts = write_texts(
            learner.student,
            course,
            asked,
            max_tokens=config.max_tokens,
            temperature=config.temperature,
            seed=course.config.training.seed * 1_000_003 + step,
        )
        rewards = judge_texts(course, texts, config)
        rollout = _look_back(learner, texts, rewards, config)
        for _ in range(config.epochs - 1):
            _learn_once(learner, rollout, config)
            optimizer.update()
        policy, value = _learn_once(learner, rollout, config)
        tokens = sum(len(text.example) for text in texts)
        mean = sum(rewards) / len(rewards)
        return {"reward": mean, "policy": policy, "value": value, "tokens": tokens}

    return learn


def _learn_once(learner: Learner, rollout: Rollout, config: RewardConfig) -> tuple[float, float]:
    policy, value = measure_ppo(learner, rollout, config)
    (policy + _VALUE_WEIGHT * value).backward()
    return policy.item(), value.item()


def judge_texts(course: Course, texts: Sequence[OwnText], config: RewardConfig) -> list[float]:
    """Each text's reward."""
    tokenizer = course.teacher.tokenizer
    return [
        reward_text(
            text.question.text,
            text.question.gold,
            str(tokenizer.decode(list(text.completion), skip_special_tokens=True)),
            tokens=len(text.completion),
            max_tokens=config.max_tokens,
            finished=text.finished,
        ).total(config)
        for text in texts
    ]


def measure_ppo(learner: Learner, rollout: Rollout, config: RewardConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """The clipped loss of the policy and the squared error of the values."""
    logprobs_N, values_N = _read_tokens(learner, rollout.texts, config.temperature)
    ratio_N = (logprobs_N - rollout.logprobs_N).exp()
    clipped_N = ratio_N.clamp(1 - config.clip, 1 + config.clip)
    gain_N = torch.minimum(ratio_N * rollout.advantages_N, clipped_N * rollout.advantages_N)
    return -gain_N.mean(), (values_N - rollout.returns_N).square().mean()


def estimate_advantages(values_n: torch.Tensor, reward: float) -> torch.Tensor:
    """Of one text's tokens, for a reward that comes with the last one."""
    following_n = torch.cat([values_n[1:], values_n.new_zeros(1)])
    deltas_n = following_n - values_n
    deltas_n[-1] += reward
    advantages: list[torch.Tensor] = []
    running = values_n.new_zeros(())
    for delta in deltas_n.flip(0):
        running = delta + _LAMBDA * running
        advantages.append(running)
    return torch.stack(advantages).flip(0)


@torch.no_grad()
def _look_back(learner: Learner, texts: Sequence[OwnText], rewards: Sequence[float], config: RewardConfig) -> Rollout:
    logprobs_N, values_N = _read_tokens(learner, texts, config.temperature)
    lengths = [len(text.completion) for text in texts]
    parts = [
        estimate_advantages(values_n, reward) for values_n, reward in zip(values_N.split(lengths), rewards, strict=True)
    ]
    advantages_N = torch.cat(parts)
    returns_N = advantages_N + values_N
    whitened_N = (advantages_N - advantages_N.mean()) / (advantages_N.std(correction=0) + _SMALLEST)
    return Rollout(texts, logprobs_N, whitened_N, returns_N)


def _read_tokens(learner: Learner, texts: Sequence[OwnText], temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the written tokens at the sampling temperature, and values before each."""
    assert learner.value is not None  # noqa: S101
    batch = collate([text.example for text in texts], pad_id=0)
    device = next(learner.parameters()).device
    labels_B_L = batch.labels_B_L[:, 1:].to(device)
    learnt_B_L = labels_B_L != IGNORED
    hidden_N_H = learner.student.base_model(input_ids=batch.tokens_B_L.to(device)).last_hidden_state[:, :-1][learnt_B_L]
    logits_N_V = hidden_N_H @ head_weight(learner.student).T
    log_q_N_V = functional.log_softmax(logits_N_V.float() / temperature, dim=-1)
    return log_q_N_V.gather(-1, labels_B_L[learnt_B_L][:, None])[:, 0], learner.value(hidden_N_H)[:, 0]
