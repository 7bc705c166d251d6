"""Writes the traces of a file into a store with made-up likeliest tokens: STORE TRACES.jsonl. For tests to kill."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from tracewright.pipeline.store import ShardLimits, Store, TopLogprobs, TopSettings, make_top_logprobs
from tracewright.schemas import Trace

SETTINGS = TopSettings(k=4, tokenizer_hash="t", vocabulary=30, teacher_revision="r")


def make_row(tokens: list[int], settings: TopSettings = SETTINGS) -> TopLogprobs:
    """Halving probabilities: 1/2, 1/4 …"""
    top = [[-(place + 1) * math.log(2) for place in range(settings.k)] for _ in tokens]
    ids = [[(token + place) % 30 for place in range(settings.k)] for token in tokens]
    return make_top_logprobs(tokens, [one[0] for one in top], ids, top, settings)


def write(store: Path, traces: list[Trace]) -> None:
    """Three rows a shard."""
    with Store.open(store, create=True).writer(limits=ShardLimits(rows=3)) as writer:
        for place, trace in enumerate(traces):
            writer.add_trace(trace, top_logprobs=make_row([place]))


if __name__ == "__main__":
    write(Path(sys.argv[1]), [Trace.model_validate_json(line) for line in Path(sys.argv[2]).read_text().splitlines()])
