"""`rescore` through the command line: brought up to date once, said with a table, and nothing the second time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tracewright.pipeline.steps import CHECKER_VERSION
from tracewright.pipeline.store import Store

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRACEWRIGHT, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=200, check=False
    )


def test_no_store_is_one_clear_line(tmp_path: Path) -> None:
    result = run("rescore", "nowhere", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: there is no store at nowhere") and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_rows_of_older_versions_are_scored_anew_once(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}+1", "completion": f"{n}+1={n + 1}\n#### {n + 1}", "answer": str(n + 1)} for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert (
        run("import", "rows.jsonl", "--format", "prompt-completion", "--store", "store", cwd=tmp_path).returncode == 0
    )
    store = Store.open(tmp_path / "store")
    with store.rewriter() as rewriter:
        for file in rewriter.files():
            traces = [trace.model_copy(update={"checker_version": "0"}) for trace in rewriter.iter_traces(file)]
            rewriter.replace(file, traces)
    first = run("rescore", "store", "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout.splitlines()[-1])["stale"] == 30
    assert {trace.checker_version for trace in store.iter_traces()} == {CHECKER_VERSION}
    version = store.version()
    second = run("rescore", "store", "--json", cwd=tmp_path)
    assert json.loads(second.stdout.splitlines()[-1])["stale"] == 0
    assert store.version() == version
