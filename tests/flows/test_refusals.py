"""Bad input through the command line: one clear line, exit status 1, nothing lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracewright.pipeline.store import Store

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
MOCK_SERVER = str(Path(__file__).resolve().parents[2] / "benchmarks" / "_mock_server.py")
TRACE_ROWS = [
    # Words that don't compress: 400 rows are some 300 kB as Parquet.
    {"prompt": f"{n}+1", "completion": f"{random.Random(n).randbytes(400).hex()}\n#### {n + 1}", "answer": str(n + 1)}
    for n in range(400)
]


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRACEWRIGHT, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=200, check=False
    )


def refuse(*arguments: object, cwd: Path) -> str:
    """The one line that a refused command says."""
    result = run(*arguments, cwd=cwd)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def write_config(folder: Path, **changes: object) -> Path:
    config = {"problems": {"path": "problems.jsonl"}, "teacher": {"engine": "embedded"}, "store": "./store"} | changes
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def write_traces(path: Path, count: int = len(TRACE_ROWS)) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in TRACE_ROWS[:count]))
    return path


def test_a_missing_problem_file_is_named_before_anything_starts(tmp_path: Path) -> None:
    assert "problems.jsonl" in refuse("generate", write_config(tmp_path), cwd=tmp_path)
    assert not (tmp_path / "store").exists()


def test_an_unknown_config_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    config = write_config(tmp_path, teacher={"engine": "embedded", "max_tokenz": 3})
    assert "teacher.max_tokenz: unknown key; did you mean max_tokens?" in refuse("generate", config, cwd=tmp_path)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "problems.jsonl").write_text('{"question": "1+1", "answer": "2"}\n')
    message = refuse("generate", write_config(tmp_path, store="./file/store"), cwd=tmp_path)
    assert "file/store" in message and "Not a directory" in message
    assert "file" in refuse("demo", "--out", "file/data", cwd=tmp_path)


def test_a_store_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    file = write_traces(tmp_path / "t.jsonl", 5)
    assert run("import", file, "--format", "prompt-completion", "--store", "s", cwd=tmp_path).returncode == 0
    marker = tmp_path / "s" / "store.json"
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps(content | {"schema_version": content["schema_version"] + 1}))
    assert "upgrade tracewright" in refuse("store", "info", "s", cwd=tmp_path)


def test_an_unknown_format_and_a_missing_trace_file_are_named(tmp_path: Path) -> None:
    file = write_traces(tmp_path / "t.jsonl", 1)
    assert "gsm8k" in refuse("import", file, "--format", "gsm9k", "--store", "s", cwd=tmp_path)
    assert "nope.jsonl" in refuse("import", "nope.jsonl", "--format", "gsm8k", "--store", "s", cwd=tmp_path)


def test_a_malformed_line_is_kept_and_costs_no_other(tmp_path: Path) -> None:
    file = write_traces(tmp_path / "t.jsonl", 20)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:10], '{"prompt": "7+', *lines[10:]]) + "\n")
    result = run("import", file, "--format", "prompt-completion", "--store", "s", cwd=tmp_path)
    assert result.returncode == 0 and "20 traces added" in result.stderr and "1 rows rejected" in result.stderr
    (rejection,) = Store.open(tmp_path / "s").rejections()
    assert rejection.subject.endswith("t.jsonl:11") and '{"prompt": "7+' in rejection.row


def test_a_full_disk_loses_nothing_and_the_same_command_finishes(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    mount = subprocess.run(command, capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"can't mount a small file system here: {mount.stderr.strip()}")
    try:
        command = ("import", write_traces(tmp_path / "t.jsonl"), "--format", "prompt-completion", "--store", disk / "s")
        message = refuse_noisily(*command, cwd=tmp_path)
        assert "No space left" in message and "run the same command again" in message
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        assert run(*command, cwd=tmp_path).returncode == 0
        questions = [trace.problem.question for trace in Store.open(disk / "s").iter_traces()]
        assert sorted(questions) == sorted(row["prompt"] for row in TRACE_ROWS)
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_run_whose_every_request_fails_is_a_failed_command_and_its_rows_are_kept(tmp_path: Path) -> None:
    (tmp_path / "problems.jsonl").write_text('{"question": "1+1 (refused)", "answer": "2"}\n')
    with subprocess.Popen([sys.executable, MOCK_SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        urls = [f"http://127.0.0.1:{int(server.stdout.readline())}/v1"]
        config = write_config(tmp_path, teacher={"engine": "server", "base_urls": urls, "model": "m"})
        message = refuse_noisily("generate", config, cwd=tmp_path)
        server.kill()
    assert "every one of 1 requests failed" in message and "HTTP 400" in message and "--retry-failed" in message
    (attempt,) = Store.open(tmp_path / "store").attempts()
    assert "HTTP 400" in attempt.reason
    assert "1 (--retry-failed" in run("generate", config, "--dry-run", cwd=tmp_path).stderr


def test_a_file_without_a_single_problem_is_refused_and_its_rows_are_kept(tmp_path: Path) -> None:
    (tmp_path / "problems.jsonl").write_bytes('{"question": "1+1"}\n{"question": "2+2"}'.encode("utf-16"))
    nobody = {"engine": "server", "base_urls": ["http://127.0.0.1:9/v1"], "model": "m"}
    message = refuse_noisily("generate", write_config(tmp_path, teacher=nobody), cwd=tmp_path)
    assert (
        "none of 2 rows is a problem to ask" in message
        and "problems.jsonl:1: byte 1 of the line is not UTF-8" in message
    )
    assert len(list(Store.open(tmp_path / "store").rejections())) == 2


def refuse_noisily(*arguments: object, cwd: Path) -> str:
    """The last line of a command that shows progress before it is refused."""
    result = run(*arguments, cwd=cwd)
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    return result.stderr.splitlines()[-1]


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, problems={"arithmetic": {"count": 120, "operators": [4, 5]}})
    process = subprocess.Popen(
        [TRACEWRIGHT, "generate", str(config)], stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path
    )
    deadline = time.monotonic() + 200
    while not any(path.stat().st_size for path in tmp_path.glob("store/journal/*/*.journal")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "the same command goes on" in stderr and "Traceback" not in stderr
    before = Store.open(tmp_path / "store").frame().height
    result = run("generate", config, "--json", cwd=tmp_path)
    counts = json.loads(result.stdout)
    assert counts["wanted"] == 120
    assert counts["present"] >= max(1, before), "nothing of the stopped run was kept"
    assert counts["present"] + counts["traces"] + counts["truncated"] + counts["failed"] == 120
