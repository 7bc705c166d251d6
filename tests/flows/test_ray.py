"""Generation on a real Ray cluster of two workers, one of them killed half-way: every row once, on the other one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracewright.pipeline.config import BudgetConfig
from tracewright.pipeline.generation import GenerationCounts, Partition
from tracewright.pipeline.store import Store

ROOT = Path(__file__).resolve().parents[2]
TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
PROBLEMS = 400
DELAY_SECONDS = "1.0"
TIMEOUT_SECONDS = 250.0
NODE_STORE_BYTES = 80 * 2**20


def test_partitions_are_disjoint_and_together_everything() -> None:
    parts = [list(Partition(index, 3).select(range(100))) for index in range(3)]
    assert sorted(row for part in parts for row in part) == list(range(100))
    assert len({Partition(index, 3).writer for index in range(3)}) == 3


def test_partitions_share_a_budget_and_add_up() -> None:
    ray_cluster = pytest.importorskip("tracewright.flows.ray_cluster")
    share = ray_cluster.divide(BudgetConfig(tokens=1000, cost=2.0, seconds=60.0), 4)
    assert (share.tokens, share.cost, share.seconds) == (250, 0.5, 60.0)
    total = GenerationCounts()
    for part in (GenerationCounts(traces=2, seconds=3.0), GenerationCounts(traces=5, seconds=1.0, stopped="the end")):
        ray_cluster.add(total, part)
    assert (total.traces, total.seconds, total.stopped) == (7, 3.0, "the end")


@pytest.fixture
def teacher(tmp_path: Path) -> Iterator[str]:
    """A slow mock server that can answer `problems.jsonl`."""
    script = [sys.executable, str(ROOT / "benchmarks" / "_mock_server.py")]
    subprocess.run([*script, "--problems", str(PROBLEMS), str(tmp_path / "problems.jsonl")], check=True)
    process = subprocess.Popen([*script, "--delay", DELAY_SECONDS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_worker_killed_half_way_costs_no_row(teacher: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    config = tmp_path / "generate.yaml"
    config.write_text(
        f"problems: {{path: problems.jsonl}}\nstore: ./store\n"
        f"teacher: {{engine: server, base_urls: [{teacher!r}], model: mock, max_tokens: 2000, max_in_flight: 5}}\n"
    )
    node = {"object_store_memory": NODE_STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **node})
    try:
        workers = [cluster.add_node(num_cpus=2, object_store_memory=NODE_STORE_BYTES) for _ in range(2)]
        cluster.wait_for_nodes()
        command = [TRACEWRIGHT, "generate", str(config), "--runner", "ray", "--json"]
        environment = {**os.environ, "RAY_ADDRESS": cluster.address}
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        wait_for_records(tmp_path / "store", run)
        cluster.remove_node(workers[0], allow_graceful=False)  # SIGKILL for its processes
        printed, said = run.communicate(timeout=TIMEOUT_SECONDS)
        assert run.returncode == 0, said
    finally:
        cluster.shutdown()
    counted = Counter(trace.problem.id for trace in Store.open(tmp_path / "store").iter_traces())
    assert len(counted) == PROBLEMS and set(counted.values()) == {1}
    assert json.loads(printed.splitlines()[-1])["problems"] == PROBLEMS


def wait_for_records(store: Path, run: subprocess.Popen[str]) -> None:
    """Until every partition has completions in its journal: all workers are in the middle of their work then."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while sum(any(one.stat().st_size > 20_000 for one in part.iterdir()) for part in store.glob("journal/part*")) < 4:
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline, "not every partition began"
        time.sleep(0.1)
