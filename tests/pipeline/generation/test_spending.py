"""Spending where it pays: samples until enough are correct, budgets that stop cleanly, alerts, difficulty."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tracewright.pipeline.config import AlertConfig, GenerateConfig, load_config
from tracewright.pipeline.generation import Alert, GenerationCounts, send_alert
from tracewright.pipeline.store import Store
from tracewright.schemas import ConfigError, Outcome

Write = Callable[..., Path]
Generate = Callable[..., GenerationCounts]


def outcomes(config: Path) -> dict[str, list[bool]]:
    """For each problem whether its samples are correct, in order."""
    traces = sorted(Store.open(json.loads(config.read_text())["store"]).iter_traces(), key=lambda trace: trace.sample)
    found: dict[str, list[bool]] = {}
    for trace in traces:
        found.setdefault(trace.problem.id, []).append(trace.verdict.outcome is Outcome.CORRECT)
    return found


def test_a_problem_gets_samples_until_enough_are_correct_and_no_more(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    config = write_config(tmp_path, until_correct=2, max_samples=5)
    counts = generate(config)
    found = outcomes(config)
    assert len(found) == 60 and counts.settled_problems == 60
    for made in found.values():
        # Two in flight at a time: a problem has at most one sample more than it needed.
        assert sum(made) >= 2 or len(made) == 5
        assert len(made) <= 2 or sum(made[:-2]) < 2
    assert 120 < counts.traces < 160
    assert generate(config).results == 0
    more = generate(write_config(tmp_path, until_correct=3, max_samples=5))
    assert more.traces > 0 and all(sum(made) >= 3 or len(made) == 5 for made in outcomes(config).values())


def test_the_pass_rate_of_every_problem_is_recorded_as_its_difficulty(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    config = write_config(tmp_path, samples=4, problems=30)
    generate(config)
    (file,) = (tmp_path / "store" / "difficulty").glob("*.parquet")
    rates = {
        row["problem_id"]: (row["samples"], row["pass_rate"], row["difficulty"])
        for row in pl.read_parquet(file).to_dicts()
    }
    found = outcomes(config)
    assert rates == {problem: (4, sum(made) / 4, pytest.approx(1 - sum(made) / 4)) for problem, made in found.items()}
    assert len({difficulty for _, _, difficulty in rates.values()}) > 1


@pytest.mark.parametrize(
    ("budget", "why"), [({"tokens": 1_000}, "budget of 1,000 tokens"), ({"cost": 0.01}, "budget of 0.01")]
)
def test_a_budget_stops_cleanly_and_the_next_run_goes_on(
    budget: dict[str, Any], why: str, write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    price = {"tokens": 10.0}
    counts = generate(write_config(tmp_path, extra={"budget": budget}, max_in_flight=4, price=price))
    assert why in str(counts.stopped)
    assert 10 <= counts.traces <= 20 and counts.tokens <= 1_100
    rest = generate(write_config(tmp_path, price=price))
    assert rest.stopped is None and (rest.present, rest.traces) == (counts.traces, 60 - counts.traces)


def test_a_budget_below_a_single_request_says_so(write_config: Write, generate: Generate, tmp_path: Path) -> None:
    counts = generate(write_config(tmp_path, problems=3, max_tokens=2_000, extra={"budget": {"tokens": 1_000}}))
    assert (counts.results, counts.stopped) == (0, "the budget of 1,000 tokens has no room for a single request")


def test_a_time_budget_lets_what_is_in_flight_finish(write_config: Write, generate: Generate, tmp_path: Path) -> None:
    counts = generate(write_config(tmp_path, extra={"budget": {"seconds": 0.05}}, max_in_flight=4))
    assert "budget of 0 s" in str(counts.stopped) and 4 <= counts.traces < 60 and counts.failed == 0


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"until_correct": 2}, "belong together"),
        ({"until_correct": 5, "max_samples": 2}, "less than until_correct"),
        ({"until_correct": 1, "max_samples": 2, "samples": 3}, "leave one out"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], fault: str, write_config: Write, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=fault):
        load_config(GenerateConfig, write_config(tmp_path, problems=1, **settings))


def test_a_cost_budget_needs_a_price(write_config: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs teacher\.price"):
        load_config(GenerateConfig, write_config(tmp_path, problems=1, extra={"budget": {"cost": 1.0}}))


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """A web address and what was posted to it; what is posted to `/redirect` is sent on."""
    received: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(302 if self.path == "/redirect" else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def test_an_alert_is_raised_once_and_with_the_counts(hook: tuple[str, list[Any]]) -> None:
    alert = Alert(AlertConfig(webhook=f"{hook[0]}/hook", failed_share=0.1, after=10), "the store")
    for results in range(1, 40):
        alert.watch(GenerationCounts(traces=results - results // 5, failed=results // 5))
    alert.close()
    ((path, body),) = hook[1]
    assert alert.was_raised and alert.troubles == [] and path == "/hook"
    assert (body["store"], body["limit"], body["failed"]) == ("the store", 0.1, 2)


def test_an_alert_to_a_command_goes_to_its_stdin_and_no_shell_reads_it(tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2] + sys.stdin.read())"
    out, hostile = tmp_path / "out", "$(touch pwned); `id` | x "
    config = AlertConfig(command=(sys.executable, "-c", code, str(out), hostile))
    assert send_alert(config, {"alert": "x"}) is None
    assert out.read_text() == hostile + '{"alert": "x"}'


def test_an_alert_that_can_not_be_delivered_says_so_and_follows_no_redirect(hook: tuple[str, list[Any]]) -> None:
    assert send_alert(AlertConfig(webhook=f"{hook[0]}/redirect"), {}) == f"{hook[0]}/redirect answered HTTP 302"
    assert Counter(path for path, _ in hook[1]) == {"/redirect": 1}
    assert "9/" in str(send_alert(AlertConfig(webhook="http://127.0.0.1:9/"), {}))
    assert "exit status 1" in str(send_alert(AlertConfig(command=("false",)), {}))
    assert "no-such-program" in str(send_alert(AlertConfig(command=("no-such-program",)), {}))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "ftp://x/", "http://u:p@x/", "http:///x"])
def test_an_alert_goes_to_web_addresses_alone(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        AlertConfig(webhook=url)
