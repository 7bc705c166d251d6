"""Group-relative policy optimisation through TRL (Shao et al. 2024, arXiv:2402.03300)."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.distill.course import Course
from tracewright.distill.own_texts import read_questions
from tracewright.distill.progress import Position
from tracewright.distill.rewards import reward_text
from tracewright.distill.stage_config import RewardConfig

_WORK = ".grpo"
"""TRL's own checkpoints, from which a killed run goes on; removed when its student is written."""

_STATE = "trainer_state.json"
"""The file that TRL writes last into a checkpoint."""


@dataclass(frozen=True)
class GrpoStep:
    """What TRL says of a step."""

    step: int
    parts: dict[str, float]
    learning_rate: float
    tokens: int
    """Read and written until now."""


def find_saved(out: Path) -> Path | None:
    """TRL's last whole checkpoint; what a killed run had half written is removed."""
    whole: dict[int, Path] = {}
    for folder in (out / _WORK).glob("checkpoint-*"):
        if (folder / _STATE).exists():
            whole[int(folder.name.rsplit("-", 1)[-1])] = folder
        else:
            shutil.rmtree(folder)
    return whole[max(whole)] if whole else None


def read_position(out: Path) -> Position:
    """How far a killed run had come when it was last saved."""
    saved = find_saved(out)
    if saved is None:
        return Position()
    state = json.loads((saved / _STATE).read_text())
    return Position(int(state["global_step"]), int(state["num_input_tokens_seen"]))


def remove_saved(out: Path) -> None:
    """When the student is written nothing goes on from there."""
    shutil.rmtree(out / _WORK, ignore_errors=True)


def train_by_grpo(
    course: Course, model: Any, config: RewardConfig, out: Path, report: Callable[[GrpoStep], None]
) -> dict[str, float]:
    """Train the model in place; gives the last step's means.

    Rewards of one problem's texts are compared with each other; there is no value head and no reference model. A killed
    run goes on from TRL's last checkpoint.
    """
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    with warnings.catch_warnings():  # about versions of vLLM, which does not sample here
        warnings.simplefilter("ignore", UserWarning)
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer

    training, tokenizer = course.config.training, course.teacher.tokenizer
    rows = [
        {"prompt": [{"role": "user", "content": one.text}], "question": one.text, "gold": one.gold}
        for one in read_questions(course)
    ]
    last: dict[str, float] = {}

    class Told(TrainerCallback):
        """Hands TRL's own figures on."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "reward" in logs:
                last.clear()
                last.update({"reward": float(logs["reward"]), "loss": float(logs.get("loss", 0.0))})
                rate, tokens = float(logs["learning_rate"]), int(logs.get("num_tokens", 0))
                report(GrpoStep(int(state.global_step), dict(last), rate, tokens))

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
    trainer.remove_callback(PrinterCallback)
    saved = find_saved(out)
    trainer.train(resume_from_checkpoint=str(saved) if saved else None)
    return last


def make_reward_function(config: RewardConfig, tokenizer: Any) -> Callable[..., list[float | None]]:
    """As TRL calls it: a reward for each completion."""
    end = tokenizer.eos_token_id

    def reward(completion_ids: list[list[int]], question: list[str], gold: list[str], **_: Any) -> list[float | None]:
        return [
            reward_text(
                asked,
                answer,
                str(tokenizer.decode(ids, skip_special_tokens=True)),
                tokens=len(ids),
                max_tokens=config.max_tokens,
                finished=bool(ids) and (ids[-1] == end or len(ids) < config.max_tokens),
            ).total(config)
            for ids, asked, answer in zip(completion_ids, question, gold, strict=True)
        ]

    return reward
