"""A real engine's likeliest tokens come to lie beside the shards, the end of each completion included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tracewright.pipeline.config import GenerateConfig, TeacherConfig, load_config
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import adaptive_scoring, run_config
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.top_logprobs import SETTINGS_KEY, hash_tokens

K = 6


def rows_of(store: Store) -> dict[str, Any]:
    tables = list(store.top_logprobs.iter_tables(store.trace_ids()))
    assert all(json.loads(table.schema.metadata[SETTINGS_KEY])["k"] == K for table in tables)
    return {row["trace_id"]: row for table in tables for row in table.to_pylist()}


@pytest.mark.parametrize("elsewhere", [pytest.param(False, marks=pytest.mark.slow), True])
def test_every_trace_has_its_own(tmp_path: Path, elsewhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if elsewhere:
        monkeypatch.setattr(adaptive_scoring, "_MIN_ROWS", 1)
        monkeypatch.setattr(adaptive_scoring, "_MAX_BUSY_SHARE", 0.0)
    config = {
        "problems": {"arithmetic": {"count": 40, "operators": [1, 2]}},
        "teacher": {"engine": "embedded", "max_tokens": 200, "logprobs": K, "keep_top_logprobs": True},
        "store": str(tmp_path / "store"),
    }
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config))
    loaded = load_config(GenerateConfig, path)
    store = Store.open(loaded.store, create=True)
    with RunningTeacher(loaded.teacher, tmp_path / "engine.log") as teacher:
        counts = run_config(loaded, store, teacher, lambda counts: None)
    found = rows_of(store)
    assert found.keys() == store.trace_ids() and counts.traces == len(found) > 30
    for trace in store.iter_traces():
        row = found[trace.trace_id]
        assert trace.token_ids is not None and trace.token_logprobs is not None
        ends = set(range(30)) - set(trace.token_ids)
        assert any(row["token_hash"] == hash_tokens([*trace.token_ids, end]) for end in ends)
        assert len(row["top_tokens"]) == len(trace.token_ids) + 1
        drawn = [one[0] for one in row["drawn_logprobs"]]
        assert drawn[:-1] == pytest.approx(trace.token_logprobs, abs=5e-3, rel=5e-3)
        for token, value, top, tokens in zip(
            trace.token_ids, drawn, row["top_logprobs"], row["top_tokens"], strict=False
        ):
            assert top == sorted(top, reverse=True) and len(top) == K
            assert token not in tokens or top[tokens.index(token)] == value
        assert all(0 <= mass[0] < 0.2 for mass in row["tail_mass"])


def test_what_can_not_be_kept_is_refused() -> None:
    with pytest.raises(ValidationError, match="token ids"):
        TeacherConfig(
            engine="server", base_urls=("http://127.0.0.1:1/v1",), model="m", logprobs=2, keep_top_logprobs=True
        )
    with pytest.raises(ValidationError, match="set logprobs"):
        TeacherConfig(engine="vllm", model="m", keep_top_logprobs=True)
