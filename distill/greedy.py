"""Many problems at once through transformers: for small students, of which an ablation asks dozens.

`tracewright evaluate` asks through vLLM; its greedy text is the same, but starting an engine takes longer than a small
student needs for a thousand answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.pipeline.verify import verify_answer
from tracewright.schemas import Outcome, Problem

_BATCH_SIZE = 500


def answer_greedily(
    model: Any, tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], max_tokens: int
) -> Evaluation:
    """Every problem's likeliest text, judged; in the problems' order."""
    began = time.monotonic()
    prompts = [_make_prompt(tokenizer, problem) for problem in problems]
    order = sorted(range(len(problems)), key=lambda index: len(prompts[index]))
    answers: dict[int, Answered] = {}
    for start in range(0, len(order), _BATCH_SIZE):
        some = order[start : start + _BATCH_SIZE]
        texts = generate(model, tokenizer, [prompts[index] for index in some], max_tokens)
        for index, tokens in zip(some, texts, strict=True):
            answers[index] = _judge(tokenizer, problems[index], tokens)
    return Evaluation(tuple(answers[index] for index in range(len(problems))), time.monotonic() - began)


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
    *,
    temperature: float = 0.0,
) -> list[list[int]]:
    """Each prompt's continuation as token ids, up to and with the end token; at temperature 0 the likeliest one.

    Drawn ones depend on torch's random state.
    """
    end = int(tokenizer.eos_token_id)  # pyright: ignore[reportArgumentType]
    longest = max(map(len, prompts))
    tokens = torch.tensor([[end] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    sampling: dict[str, Any] = {"do_sample": False}
    if temperature:
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    device = next(model.parameters()).device
    given = model.generate(
        input_ids=tokens.to(device),
        attention_mask=mask.to(device),
        max_new_tokens=max_tokens,
        pad_token_id=end,
        eos_token_id=end,
        **sampling,
    )
    return [_cut(row, end) for row in given[:, longest:].tolist()]


def _cut(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens


def _make_prompt(tokenizer: PreTrainedTokenizerBase, problem: Problem) -> list[int]:
    messages = [{"role": "user", "content": problem.question}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return tokenizer.encode(str(text), add_special_tokens=False)


def _judge(tokenizer: PreTrainedTokenizerBase, problem: Problem, tokens: list[int]) -> Answered:
    finished = bool(tokens) and tokens[-1] == tokenizer.eos_token_id
    text = str(tokenizer.decode(tokens, skip_special_tokens=True))
    right = finished and problem.answer is not None
    if right:
        right = verify_answer(str(problem.answer), text, kind=problem.answer_kind).outcome is Outcome.CORRECT
    return Answered(problem, text, right, len(tokens), finished=finished)
