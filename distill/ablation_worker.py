"""One student of an ablation: trained, asked, its answers kept beside it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence

from tracewright.distill.ablation import ANSWERS, Job, read_answers
from tracewright.schemas import Problem

MAX_TOKENS = 160
"""For one answer: the longest solution of two operators has about 100."""


def run_job(job: Job, asked: Sequence[Problem], tuning: Sequence[Problem]) -> tuple[Job, list[bool]]:
    """Train the job's student, or take the one that is there, and ask it its problems once.

    Runs in a process of its own, whose threads it sets.
    """
    known = read_answers(job.folder)
    if known is not None:
        return job, known
    import torch
    from transformers.utils import logging

    from tracewright.distill.greedy import answer_greedily
    from tracewright.distill.loading import load_model, load_tokenizer
    from tracewright.distill.stages import run_training

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    began = time.process_time()
    run_training(job.config, job.folder)
    model = load_model(job.folder, dtype=torch.float32).eval()
    tokenizer = load_tokenizer(job.folder)
    evaluation = answer_greedily(model, tokenizer, tuning if job.tuning else asked, MAX_TOKENS)
    solved = [answer.correct for answer in evaluation.answers]
    kept = {"solved": list(map(int, solved)), "processor_seconds": round(time.process_time() - began, 1)}
    aside = job.folder / f".{ANSWERS}.{os.getpid()}"
    aside.write_text(json.dumps(kept) + "\n")
    aside.replace(job.folder / ANSWERS)
    return job, solved
