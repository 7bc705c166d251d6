"""The file of schedules: what it makes, and what is refused in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tracewright.flows import schedules
from tracewright.flows.deployments import FLOWS
from tracewright.flows.schedules import Schedules, make_deployments
from tracewright.pipeline.config import load_config
from tracewright.schemas import ConfigError

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
SHIPPED = Path(schedules.__file__).resolve().with_name("schedules.yaml")
NAMES = ("generate", "rescore", "curate", "release", "distill", "quantize")


def write(folder: Path, *deployments: str) -> Path:
    path = folder / "schedules.yaml"
    path.write_text("deployments:\n" + "".join(f"  - {one}\n" for one in deployments))
    return path


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return subprocess.run(
        [TRACEWRIGHT, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_every_flow_can_be_started_by_name_under_a_name_that_stays(tmp_path: Path) -> None:
    made = {one.full_name: one for one in make_deployments(None, tmp_path)}
    assert set(made) == {
        f"{name}/{name}" for name in ("generate", "rescore", "curate", "release", "distill", "quantize")
    }
    assert not any(one.schedules for one in made.values())
    assert made["generate/generate"].entrypoint == "tracewright.flows.deployments.generate"


def test_the_schedules_that_ship_are_what_they_say() -> None:
    made = {one.full_name: one for one in make_deployments(load_config(Schedules, SHIPPED), SHIPPED.parent)}
    assert {"generate/nightly", "curate/daily", "rescore/monthly", "release/weekly"} <= set(made)
    nightly = made["generate/nightly"]
    assert [one.schedule.cron for one in nightly.schedules or []] == ["0 20 * * *"]
    assert nightly.parameters == {"config": str(SHIPPED.with_name("generate.yaml"))}


def test_paths_are_relative_to_the_file_and_other_texts_are_left(tmp_path: Path) -> None:
    path = write(tmp_path, '{flow: curate, cron: "0 6 * * *", parameters: {store: data/store, name: verified}}')
    (curate, *_) = make_deployments(load_config(Schedules, path), path.parent)
    assert curate.parameters == {"store": str(tmp_path / "data" / "store"), "name": "verified"}


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        ("{flow: genrate}", "there is no flow 'genrate'; did you mean generate?"),
        ("{flow: generate, parameters: {confg: a.yaml}}", "generate takes no 'confg'; did you mean config?"),
        ('{flow: generate, cron: "0 20 * * *"}', "generate at set times needs the parameters config"),
        ('{flow: generate, cron: "61 * * * *", parameters: {config: a}}', 'Invalid cron string: "61 * * * *"'),
        ('{flow: curate, cron: "* * * * *", timezone: Mars, parameters: {store: s, name: n}}', "Invalid timezone"),
        ("{flow: rescore, parameters: {store: s, refit: [1]}}", "parameter refit: received [1]"),
        ("{flow: rescore, crn: x}", "unknown key; did you mean cron?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(deployment: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        make_deployments(load_config(Schedules, write(tmp_path, deployment)), tmp_path)
    assert message in str(refused.value)


def test_two_deployments_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rescore/rescore is there twice"):
        load_config(Schedules, write(tmp_path, "{flow: rescore}", "{flow: rescore}"))


def test_deploying_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    refused = run("flows", "deploy", cwd=tmp_path)
    assert refused.returncode == 1 and "PREFECT_API_URL is not set" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run("flows", "serve", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert refused.returncode == 1 and "name another one with --port" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_parameters_are_json_alone() -> None:
    for flow in FLOWS.values():
        for name, schema in flow.parameters.properties.items():
            kinds = {one.get("type") for one in schema.get("anyOf", [schema])}
            assert kinds <= {"string", "boolean", "null"}, f"{flow.name}.{name}"
