"""A hub of data sets on loopback: as much of the Hugging Face hub's API as huggingface_hub asks for here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "hf_" + "a" * 34
_ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True)
class HeldFile:
    content: bytes
    is_large: bool


Tree = dict[str, HeldFile]


@dataclass
class Hub:
    """What it holds, and how it is told to fail."""

    private: dict[str, bool] = field(default_factory=dict)
    branch: dict[str, str] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    """Parts of paths that are answered with 500."""
    spoils: bool = False
    """Whether a byte of each large file is lost on its way."""
    url: str = ""

    def commit(self, repository: str, tree: Tree) -> str:
        told = json.dumps([repository, sorted((path, file.content.hex()) for path, file in tree.items())])
        commit = hashlib.sha1(f"{len(self.trees)} {told}".encode(), usedforsecurity=False).hexdigest()
        self.trees[commit] = tree
        self.branch[repository] = commit
        return commit

    def resolve(self, repository: str, revision: str) -> str:
        if revision in self.trees:
            return revision
        return self.tags.get(repository, {}).get(revision) or self.branch[repository]


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _entry(path: str, file: HeldFile) -> dict[str, Any]:
    size = len(file.content)
    entry: dict[str, Any] = {"type": "file", "path": path, "size": size, "oid": _blob_id(file.content)}
    if file.is_large:
        oid = hashlib.sha256(file.content).hexdigest()
        entry["lfs"] = {"oid": oid, "size": size, "pointerSize": 130}
    return entry


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._answer(
            {
                r"/api/repos/create": self._create,
                r"/api/validate-yaml": lambda: {"errors": [], "warnings": []},
                r"/api/datasets/(.+)/preupload/(.+)": self._preupload,
                r"/datasets/(.+)\.git/info/lfs/objects/batch": self._batch,
                r"/api/datasets/(.+)/commit/(.+)": self._commit,
                r"/api/datasets/(.+)/tag/(.+)": self._tag,
            }
        )

    def do_PUT(self) -> None:
        self._answer({r"/objects/(.+)": self._put})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self._answer(
            {
                r"/api/datasets/(.+)/refs": self._refs,
                r"/api/datasets/(.+)/tree/([^/]+)": self._tree,
                r"/api/datasets/(.+)/revision/(.+)": self._info,
                r"/datasets/(.+?)/resolve/([^/]+)/(.+)": self._resolve,
                r"/api/datasets/(.+)": lambda name: self._info(name, "main"),
            }
        )

    def _answer(self, routes: dict[str, Any]) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0])
        if any(part in path for part in self.hub.refuses):
            return self._send(500, b'{"error": "the stand-in was told to fail"}')
        is_upload = path.startswith("/objects/")
        if not is_upload and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, b'{"error": "no such token"}')
        for pattern, answer in routes.items():
            if found := re.fullmatch(pattern, path):
                told = answer(*found.groups())
                return None if told is None else self._send(200, json.dumps(told).encode())
        return self._send(404, b'{"error": "not found"}')

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _create(self) -> dict[str, Any] | None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        if name in self.hub.branch:
            self._send(409, json.dumps({"error": "exists", "url": f"{self.hub.url}/datasets/{name}"}).encode())
            return None
        self.hub.private[name] = asked.get("private", asked.get("visibility") == "private")
        self.hub.commit(name, {".gitattributes": HeldFile(_ATTRIBUTES, False)})
        return {"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name}

    def _preupload(self, _: str, __: str) -> dict[str, Any]:
        files = json.loads(self.body)["files"]
        modes = [(file["path"], "lfs" if file["path"].endswith((".parquet", ".png")) else "regular") for file in files]
        return {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes]}

    def _batch(self, _: str) -> dict[str, Any]:
        wanted = json.loads(self.body)["objects"]
        return {
            "transfer": "basic",
            "objects": [
                {**one, "actions": {"upload": {"href": f"{self.hub.url}/objects/{one['oid']}", "header": {}}}}
                for one in wanted
            ],
        }

    def _put(self, oid: str) -> dict[str, Any]:
        self.hub.objects[oid] = self.body[:-1] if self.hub.spoils else self.body
        return {}

    def _commit(self, name: str, _: str) -> dict[str, Any] | None:
        actions = [json.loads(line) for line in self.body.splitlines()]
        header = next(action["value"] for action in actions if action["key"] == "header")
        if header.get("parentCommit", self.hub.branch[name]) != self.hub.branch[name]:
            self._send(412, b'{"error": "a commit has happened since"}')
            return None
        tree = dict(self.hub.trees[self.hub.branch[name]])
        for action in actions:
            value = action["value"]
            if action["key"] == "file":
                tree[value["path"]] = HeldFile(base64.b64decode(value["content"]), False)
            elif action["key"] == "lfsFile":
                tree[value["path"]] = HeldFile(self.hub.objects[value["oid"]], True)
            elif action["key"] == "deletedFile":
                del tree[value["path"]]
        commit = self.hub.commit(name, tree)
        return {"commitUrl": f"{self.hub.url}/datasets/{name}/commit/{commit}", "commitOid": commit}

    def _tag(self, name: str, revision: str) -> dict[str, Any]:
        self.hub.tags.setdefault(name, {})[json.loads(self.body)["tag"]] = self.hub.resolve(name, revision)
        return {}

    def _refs(self, name: str) -> dict[str, Any]:
        tags = self.hub.tags.get(name, {})
        return {
            "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": self.hub.branch[name]}],
            "tags": [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": at} for tag, at in tags.items()],
            "converts": [],
        }

    def _tree(self, name: str, revision: str) -> list[dict[str, Any]]:
        tree = self.hub.trees[self.hub.resolve(name, revision)]
        return [_entry(path, file) for path, file in sorted(tree.items())]

    def _info(self, name: str, revision: str) -> dict[str, Any]:
        commit = self.hub.resolve(name, revision)
        files = [{"rfilename": path} for path in self.hub.trees[commit]]
        return {"id": name, "sha": commit, "private": self.hub.private[name], "siblings": files}

    def _resolve(self, name: str, revision: str, path: str) -> None:
        commit = self.hub.resolve(name, revision)
        file = self.hub.trees[commit][path]
        etag = hashlib.sha256(file.content).hexdigest() if file.is_large else _blob_id(file.content)
        self._send(200, file.content, ETag=f'"{etag}"', X_Repo_Commit=commit)


@contextmanager
def stand_in_hub() -> Generator[Hub]:
    """A hub that answers on loopback while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
