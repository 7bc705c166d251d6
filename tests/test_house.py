"""The house stands: every room is in the wheel and the sdist, layers hold, nothing of one machine is in a file."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "pipeline", "flows", "api", "distill")


def run(
    command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=200,
    )
    return out


def test_wheel_installed_elsewhere_imports_every_package(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import importlib, pathlib, sys\n"
        f"site, source = {str(tmp_path / 'site')!r}, {str(ROOT)!r}\n"
        "sys.path = [site, *(p for p in sys.path if p and not p.startswith(source + '/.src') and p != source)]\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        f"for name in {PACKAGES!r}:\n"
        "    module = importlib.import_module('tracewright.' + name)\n"
        "    assert module.__file__.startswith(site), module.__file__\n"
        "from tracewright.pipeline.engines.embedded import checkpoint_path\n"
        "assert (checkpoint_path() / 'model.safetensors').exists()\n"
    )
    result = run([sys.executable, "-c", code], cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_wheel_and_sdist_hold_every_module_of_every_room(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {"/".join(Path(name).parts[1:]) for name in archive.getnames()}
    modules = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert {f"tracewright/{name}" for name in modules} <= in_wheel
    assert {f".src/tracewright/{name}" for name in modules} <= in_sdist


def test_the_wheel_holds_what_pages_and_reports_are_made_of(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    kinds = (".jinja", ".css", ".js")
    made_of = {
        str(path.relative_to(ROOT)) for room in PACKAGES for path in (ROOT / room).rglob("*") if path.suffix in kinds
    }
    assert {f"tracewright/{name}" for name in made_of} <= in_wheel
    assert any("templates/" in name for name in made_of)


def test_import_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = run(command, cwd=ROOT)
    assert result.returncode == 0, result.stdout


def test_a_bare_room_is_refused_by_the_linter(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("import pipeline\nfrom schemas import Trace\n")
    ruff = str(Path(sys.executable).with_name("ruff"))
    result = run([ruff, "check", "--config", str(ROOT / "pyproject.toml"), str(file)])
    assert result.returncode == 1
    assert result.stdout.count("TID251") == 2, result.stdout


def test_no_file_names_a_folder_of_one_machine() -> None:
    tracked = run(["git", "ls-files"], cwd=ROOT)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    home = re.compile(rf"({re.escape(str(ROOT.parent))}|{re.escape(str(Path.home()))})/")
    text_files = [ROOT / name for name in tracked.stdout.splitlines() if not name.endswith((".png", ".safetensors"))]
    named = [str(p) for p in text_files if p.is_file() and home.search(p.read_text(errors="replace"))]
    assert named == []


def test_setup_refuses_an_unsupported_python_in_one_line(tmp_path: Path) -> None:
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\necho 3.9\n")
    fake.chmod(0o755)
    result = run([str(ROOT / ".ci" / "setup")], env={**os.environ, "PYTHON": str(fake)})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "Python 3.9 is not supported" in result.stderr


def test_setup_again_does_nothing() -> None:
    stamp = ROOT / ".venv" / ".setup"
    if not stamp.exists():
        pytest.skip("the environment was not made by make setup")
    for _ in range(2):  # the first one may have to catch up with a changed pyproject.toml
        before = stamp.stat().st_mtime_ns
        subprocess.run(["make", "-s", "setup"], cwd=ROOT, check=True, capture_output=True, timeout=250)
    assert stamp.stat().st_mtime_ns == before
