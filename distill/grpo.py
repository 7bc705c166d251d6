"""Group-relative policy optimisation through TRL (Shao et al. 2024, arXiv:2402.03300)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracewright.distill.course import Course
from tracewright.distill.own_texts import read_questions
from tracewright.distill.rewards import reward_text
from tracewright.distill.stage_config import RewardConfig

_WORK = ".grpo"
"""TRL's own checkpoints, from which a killed run goes on; removed when it ends."""


def train_by_grpo(
    course: Course, model: Any, config: RewardConfig, out: Path, report: Callable[[int, dict[str, float]], None]
) -> dict[str, float]:
    """Train the model in place; gives the last step's means.

    Rewards of one problem's texts are compared with each other; there is no value head and no reference model. A killed
    run goes on from TRL's last checkpoint.
    """
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    training, tokenizer = course.config.training, course.teacher.tokenizer
    questions = read_questions(course)
    rows = [{"prompt": tokenizer.decode(list(one.prompt)), "question": one.text, "gold": one.gold} for one in questions]
    last: dict[str, float] = {}

    class Told(TrainerCallback):
        """Hands TRL's own figures on."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "reward" in logs:
                last.clear()
                last.update({"reward": float(logs["reward"]), "loss": float(logs.get("loss", 0.0))})
                report(int(state.global_step), dict(last))

    settings: dict[str, Any] = {
        "output_dir": str(out / _WORK),
        "max_steps": training.steps,
        "per_device_train_batch_size": config.problems * config.group,
        "num_generations": config.group,
        "max_completion_length": config.max_tokens,
        "temperature": config.temperature,
        "learning_rate": config.learning_rate,
        "epsilon": config.clip,
        "beta": 0.0,
        "seed": training.seed,
        "logging_steps": 1,
        "save_steps": training.checkpoint_every,
        "save_total_limit": 1,
        "save_strategy": "steps",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": next(model.parameters()).device.type == "cpu",
        "bf16": False,
        "gradient_checkpointing": False,
    }
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=make_reward_function(config, tokenizer),
        args=GRPOConfig(**settings),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[Told()],
    )
    saved = any((out / _WORK).glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=saved or None)
    shutil.rmtree(out / _WORK, ignore_errors=True)
    return last


def make_reward_function(config: RewardConfig, tokenizer: Any) -> Callable[..., list[float | None]]:
    """As TRL calls it: a reward for each completion."""
    end = tokenizer.eos_token_id

    def reward(
        completions: list[str], completion_ids: list[list[int]], question: list[str], gold: list[str], **_: Any
    ) -> list[float | None]:
        return [
            reward_text(
                asked,
                answer,
                text,
                tokens=len(ids),
                max_tokens=config.max_tokens,
                finished=bool(ids) and (ids[-1] == end or len(ids) < config.max_tokens),
            ).total(config)
            for text, ids, asked, answer in zip(completions, completion_ids, question, gold, strict=True)
        ]

    return reward
