"""A release on a hub of data sets, through huggingface_hub: one commit that holds exactly it, and a tag of its version.

The hub's own account of what it stored (sizes, SHA-256 of large files, git's hashes of small ones) is compared with the
release before the tag is set, so that a tag names a whole release and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

# Of the HTTP client that the installed huggingface_hub uses: httpx up to some version, httpx2 since.
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]
)
from huggingface_hub.hf_api import RepoFile

from tracewright.pipeline.release.layout import HUB_ATTRIBUTES, MANIFEST, hash_file
from tracewright.pipeline.release.manifest import read_tombstone
from tracewright.pipeline.release.verify import verify_release
from tracewright.schemas.errors import HubError, InputError, IntegrityError, ReleaseYankedError
from tracewright.schemas.release import ReleaseManifest

_BRANCH = "main"
_KIND = "dataset"


@dataclass(frozen=True)
class Push:
    """Where a release is on the hub."""

    repository: str
    tag: str
    commit: str
    url: str
    is_new: bool
    """False: the tag was there already, with these very files."""


def push_release(directory: Path, repository: str, *, endpoint: str | None = None, private: bool = True) -> Push:
    """Put a release into a hub's repository of the same files, tagged with its version.

    Every byte is checked before, and what the hub says it holds after. A push that was killed is finished by the same
    call; files of earlier versions leave the branch and stay in the hub's history and under their own tags. The token
    is huggingface_hub's: `HF_TOKEN`, or what `hf auth login` kept.

    Args:
        directory: the release.
        repository: `NAMESPACE/NAME`; made where it is not there.
        endpoint: the hub's address; None is `HF_ENDPOINT`, or huggingface.co.
        private: whether a repository that is made is private; one that is there stays what it is.

    Raises:
        MissingInputError: there is no release.
        IntegrityError: it is damaged, or the hub holds something else after the push.
        ReleaseYankedError: it was withdrawn.
        InputError: the repository's name is malformed, or holds another release under the same version.
        HubError: the hub can't be reached or refuses; nothing is tagged, and the same call may be repeated.
    """
    directory = Path(directory)
    manifest = verify_release(directory)
    if (tombstone := read_tombstone(directory)) is not None:
        raise ReleaseYankedError(
            f"{manifest.name}@{manifest.version} was withdrawn: {tombstone.reason}: push another version"
        )
    api = HfApi(endpoint=endpoint, library_name="tracewright")
    with _explain(api.endpoint, repository):
        api.create_repo(repository, repo_type=_KIND, private=private, exist_ok=True)
        tagged = {ref.name: ref.target_commit for ref in api.list_repo_refs(repository, repo_type=_KIND).tags}
        if commit := tagged.get(manifest.version):
            _check_tagged(api, repository, commit, directory, manifest)
            return _describe(api, repository, manifest, commit, is_new=False)
        commit = _commit(api, repository, directory, manifest)
        if faults := _compare(_list(api, repository, commit), directory, manifest):
            raise IntegrityError(
                f"{repository} holds something else than was sent: {'; '.join(faults[:5])}: nothing was tagged; push "
                "again"
            )
        api.create_tag(repository, tag=manifest.version, revision=commit, repo_type=_KIND)
    return _describe(api, repository, manifest, commit, is_new=True)


def _commit(api: HfApi, repository: str, directory: Path, manifest: ReleaseManifest) -> str:
    """The commit that holds the release and nothing else; made only where the branch is not at it already."""
    head = api.repo_info(repository, repo_type=_KIND, revision=_BRANCH).sha or _BRANCH
    there = _list(api, repository, head)
    if not _compare(there, directory, manifest):
        return head
    added = [CommitOperationAdd(path, directory / path) for path in _paths(manifest)]
    stale = sorted(there.keys() - set(_paths(manifest)))
    made = api.create_commit(
        repository,
        [*added, *(CommitOperationDelete(path) for path in stale)],
        commit_message=f"{manifest.name}@{manifest.version}",
        commit_description=f"{manifest.rows:,} traces, digest {manifest.digest}",
        repo_type=_KIND,
        revision=_BRANCH,
        # Somebody else's commit in between is refused by the hub, not overwritten.
        parent_commit=head,
    )
    return made.oid


def _check_tagged(api: HfApi, repository: str, commit: str, directory: Path, manifest: ReleaseManifest) -> None:
    if _compare(_list(api, repository, commit), directory, manifest):
        raise InputError(
            f"{repository} has a version {manifest.version} that is another release, and a version never changes: "
            "make the release anew under the next version, and push that"
        )


def _list(api: HfApi, repository: str, revision: str) -> dict[str, RepoFile]:
    entries = api.list_repo_tree(repository, recursive=True, revision=revision, repo_type=_KIND)
    return {file.path: file for file in _files(entries) if file.path != HUB_ATTRIBUTES}


def _files(entries: Iterable[object]) -> list[RepoFile]:
    return [entry for entry in entries if isinstance(entry, RepoFile)]


def _compare(there: dict[str, RepoFile], directory: Path, manifest: ReleaseManifest) -> list[str]:
    """What is missing on the hub, too much, or something else."""
    expected = set(_paths(manifest))
    faults = [f"{path} is missing" for path in sorted(expected - there.keys())]
    faults += [f"{path} is too much" for path in sorted(there.keys() - expected)]
    shared = sorted(expected & there.keys())
    return faults + [f"{path} differs" for path in shared if not _is_same(there[path], directory / path)]


def _is_same(file: RepoFile, path: Path) -> bool:
    if file.size != path.stat().st_size:
        return False
    return file.lfs.sha256 == hash_file(path) if file.lfs else file.blob_id == _hash_as_git(path)


def _hash_as_git(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _paths(manifest: ReleaseManifest) -> list[str]:
    return [MANIFEST, *(file.path for file in manifest.files)]


def _describe(api: HfApi, repository: str, manifest: ReleaseManifest, commit: str, *, is_new: bool) -> Push:
    url = f"{api.endpoint}/datasets/{repository}/tree/{manifest.version}"
    return Push(repository, manifest.version, commit, url, is_new)


@contextmanager
def _explain(endpoint: str, repository: str) -> Generator[None]:
    """Turn what huggingface_hub raises into errors that say what to do."""
    try:
        yield
    except HFValidationError as error:
        raise InputError(f"{repository!r} can't name a repository, expected NAMESPACE/NAME: {error}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        advice = "set HF_TOKEN to one that may write there" if status in (401, 403) else "push again"
        raise HubError(f"{endpoint} refused {repository} ({status}): {_one_line(error)}: {advice}") from error
    except (HTTPError, ConnectionError, ValueError) as error:
        if isinstance(error, InputError | IntegrityError):
            raise
        raise HubError(
            f"{repository} could not be pushed to {endpoint}: {_one_line(error)}: see to the connection"
            f"{' (HF_HUB_OFFLINE is set)' if os.environ.get('HF_HUB_OFFLINE') else ''} and push again"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
