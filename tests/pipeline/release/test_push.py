"""A release on a hub: a stand-in on loopback, huggingface_hub as it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, snapshot_download

from tracewright.flows.cli import main
from tracewright.pipeline.release import create_release, open_release, push_release, verify_release, yank_release
from tracewright.pipeline.store import Store
from tracewright.schemas import HubError, InputError, IntegrityError, ReleaseYankedError

sys.path.append(str(Path(__file__).parent))
from stand_in_hub import TOKEN, Hub, stand_in_hub

REPOSITORY = "somebody/sums"
Push = Callable[..., Any]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    # Plain LFS: the newer protocol talks to a second service.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with stand_in_hub() as hub:
        yield hub


@pytest.fixture
def push(hub: Hub) -> Push:
    return lambda directory, repository=REPOSITORY, **more: push_release(
        directory, repository, endpoint=hub.url, **more
    )


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def files_on(hub: Hub, revision: str) -> dict[str, bytes]:
    tree = hub.trees[hub.resolve(REPOSITORY, revision)]
    return {path: file.content for path, file in tree.items() if path != ".gitattributes"}


def test_a_pushed_release_is_on_the_hub_byte_for_byte_private_and_tagged(released: Path, hub: Hub, push: Push) -> None:
    pushed = push(released)
    assert pushed.is_new
    assert hub.private[REPOSITORY]
    assert hub.tags[REPOSITORY] == {pushed.tag: pushed.commit}
    assert files_on(hub, pushed.tag) == files_of(released)


def test_what_is_pulled_again_is_the_release(released: Path, hub: Hub, push: Push, tmp_path: Path) -> None:
    pushed = push(released, private=False)
    pulled = tmp_path / "pulled"
    snapshot_download(
        REPOSITORY, repo_type="dataset", revision=pushed.tag, local_dir=pulled, endpoint=hub.url, token=TOKEN
    )
    assert (pulled / ".gitattributes").is_file()
    assert verify_release(pulled).digest == open_release(released).manifest.digest
    assert open_release(pulled).table("train").equals(open_release(released).table("train"))


def test_pushing_again_changes_nothing(released: Path, hub: Hub, push: Push) -> None:
    first, commits = push(released), len(hub.trees)
    again = push(released)
    assert (again.commit, again.is_new, len(hub.trees)) == (first.commit, False, commits)


def test_a_push_that_died_before_its_tag_is_finished(released: Path, hub: Hub, push: Push) -> None:
    hub.refuses = {"/tag/"}
    with pytest.raises(HubError, match="push again"):
        push(released)
    assert REPOSITORY not in hub.tags
    hub.refuses, commits = set(), len(hub.trees)
    assert push(released).is_new
    assert len(hub.trees) == commits
    assert list(hub.tags[REPOSITORY]) == ["1"]


def test_the_next_version_replaces_the_files_and_the_old_tag_keeps_its_own(
    own_store: Store, released: Path, hub: Hub, push: Push, tmp_path: Path
) -> None:
    old = push(released)
    create_release(own_store, tmp_path / "next", name="sums", version="2", where="level == 1", pictures=False)
    new = push(tmp_path / "next")
    assert files_on(hub, "main") == files_on(hub, new.tag) == files_of(tmp_path / "next")
    assert files_on(hub, old.tag) == files_of(released)


def test_another_release_under_a_version_that_is_there_is_refused(
    own_store: Store, released: Path, hub: Hub, push: Push, tmp_path: Path
) -> None:
    push(released)
    create_release(own_store, tmp_path / "other", name="sums", version="1", where="level == 1", pictures=False)
    with pytest.raises(InputError, match="has a version 1 that is another release"):
        push(tmp_path / "other")
    assert files_on(hub, "main") == files_of(released)


def test_bytes_that_were_lost_on_the_way_are_noticed_and_not_tagged(released: Path, hub: Hub, push: Push) -> None:
    hub.spoils = True
    with pytest.raises(IntegrityError, match=r"train-00000-of-.*differs"):
        push(released)
    assert REPOSITORY not in hub.tags


def test_damaged_and_withdrawn_releases_never_leave(copy: Path, hub: Hub, push: Push) -> None:
    yank_release(copy, "a source asked for it")
    with pytest.raises(ReleaseYankedError, match="a source asked for it"):
        push(copy)
    (copy / "YANKED.json").unlink()
    (copy / "README.md").write_text("changed")
    with pytest.raises(IntegrityError, match=r"README\.md"):
        push(copy)
    assert not hub.branch


def test_a_hub_that_refuses_or_is_not_there_is_one_clear_error(
    released: Path, hub: Hub, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="NAMESPACE/NAME"):
        push(released, "some body/../sums")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(HubError, match="HF_TOKEN") as refused:
        push(released)
    assert "hf_wrong" not in str(refused.value)
    with pytest.raises(HubError, match="push again"):
        push_release(released, REPOSITORY, endpoint="http://127.0.0.1:9")


def test_the_command_pushes(
    released: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    shutil.copytree(released, tmp_path / "sums")
    monkeypatch.setattr(sys, "argv", ["tracewright", "release", "push", str(tmp_path / "sums"), REPOSITORY])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert f"{REPOSITORY}/tree/1" in capsys.readouterr().err.replace("\n", "")
