"""Stores on S3: a path under `s3://BUCKET/PREFIX` that answers as much of `pathlib.Path` as the store asks.

Credentials, region and endpoint are those of the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`) or of the machine's role. An object is there whole or not at all,
so nothing is written aside. Locks between processes, the journal and logs need a disk: they lie in `local_folder`.
"""

from __future__ import annotations

import fnmatch
import io
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path, PosixPath
from typing import Any, Literal

import obstore
import pyarrow.parquet as pq
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from tracewright.schemas.errors import InputError, StoreError

_SCHEME = "s3:"
_LOCAL_VARIABLE = "TRACEWRIGHT_LOCAL"
_READ_AHEAD_BYTES = 256 * 1024
_MIN_PARTS = 2
_CONNECT_TIMEOUT = timedelta(seconds=10)
_MAX_RETRIES = 5
_PATIENCE = timedelta(seconds=30)
"""With a bucket that does not answer."""


class ObjectPath(PosixPath):
    """A key of a bucket. What is not answered here is not to be asked: it would look on the local disk."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{_SCHEME}//{'/'.join(self.parts[1:])}"

    def __fspath__(self) -> str:
        return str(self)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """The object's key, or the prefix of those below."""
        return "/".join(self.parts[2:])

    def is_file(self) -> bool:
        """Whether there is an object of that key."""
        try:
            self._head()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether there are objects below."""
        return next(self._below(), None) is not None

    def exists(self, **_: Any) -> bool:
        """Whether there is an object, or some below."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """The object's content."""
        with _as_os_errors():
            return bytes(obstore.get(_connect(self.bucket), self.key).bytes())

    def read_text(self, encoding: str | None = None, *_: Any, **__: Any) -> str:
        """The object's content as text."""
        return self.read_bytes().decode(encoding or "utf-8")

    def put(self, data: bytes | memoryview, mode: Literal["create", "overwrite"] = "overwrite") -> None:
        """Write the whole object at once.

        Raises:
            FileExistsError: `mode` is `create`, and there is one: the bucket decides, between all hosts.
        """
        with _as_os_errors():
            try:
                obstore.put(_connect(self.bucket), self.key, bytes(data), mode=mode)
            except AlreadyExistsError as error:
                raise FileExistsError(f"{self} exists already") from error

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object."""
        if not missing_ok:
            self._head()
        with _as_os_errors():
            obstore.delete(_connect(self.bucket), self.key)

    def stat(self, **_: Any) -> os.stat_result:
        """Its size and when it was written; everything else is zero."""
        found = self._head()
        moment = found["last_modified"].timestamp()
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, found["size"], moment, moment, moment))

    def iterdir(self) -> Generator[ObjectPath, None, None]:
        """What lies directly below: objects, and prefixes of others."""
        prefix = f"{self.key}/" if self.key else ""
        with _as_os_errors():
            found = obstore.list_with_delimiter(_connect(self.bucket), prefix=prefix or None)
        names = [entry["path"] for entry in found["objects"]] + list(found["common_prefixes"])
        yield from (self / name.rstrip("/").rsplit("/", 1)[-1] for name in sorted(names))

    def glob(self, pattern: str, **_: Any) -> Generator[ObjectPath, None, None]:
        """Those directly below whose names match."""
        yield from (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Nothing: a bucket has no folders."""

    def resolve(self, strict: bool = False) -> ObjectPath:
        """Itself."""
        return self

    def reader(self) -> io.BufferedReader:
        """The object as a file that is read by ranges."""
        with _as_os_errors():
            return io.BufferedReader(_RangeReader(self, self._head()["size"]), _READ_AHEAD_BYTES)

    def _head(self) -> Any:
        with _as_os_errors():
            return obstore.head(_connect(self.bucket), self.key)

    def _below(self) -> Iterator[Any]:
        with _as_os_errors():
            for chunk in obstore.list(_connect(self.bucket), prefix=f"{self.key}/" if self.key else None, chunk_size=1):
                yield from chunk


class _RangeReader(io.RawIOBase):
    def __init__(self, path: ObjectPath, size: int) -> None:
        self._path = path
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._size)
        if end <= self._place:
            return 0
        with _as_os_errors():
            data = obstore.get_range(_connect(self._path.bucket), self._path.key, start=self._place, end=end)
        part = memoryview(data)
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)


def to_place(path: str | Path) -> Path:
    """The path as it is, or for `s3://BUCKET/PREFIX` the place there; also where `Path` has swallowed a slash.

    Raises:
        InputError: the address names no bucket.
    """
    parts = Path(path).parts
    if parts[:1] != (_SCHEME,):
        return Path(path)
    if len(parts) < _MIN_PARTS:
        raise InputError(f"{str(path)!r} names no bucket: an address is s3://BUCKET/PREFIX")
    return ObjectPath(*parts)


def local_folder(place: Path) -> Path:
    """Where the locks, journals and logs of a store lie: the store itself, or for one on S3 a folder of this machine.

    It is `TRACEWRIGHT_LOCAL`, or `tracewright` among the user's state, and below that one folder for each store.
    Losing it costs what was finished and not yet committed.
    """
    if not isinstance(place, ObjectPath):
        return place
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    base = os.environ.get(_LOCAL_VARIABLE) or Path(state) / "tracewright"
    return Path(base) / f"{place.name}-{sha256(str(place).encode()).hexdigest()[:12]}"


def open_parquet(path: Path, footer: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """The file, wherever it lies; its footer need not be read again where it is known."""
    if isinstance(path, ObjectPath):
        return pq.ParquetFile(path.reader(), metadata=footer, pre_buffer=True)
    return pq.ParquetFile(path, metadata=footer)


def delta_options(place: Path) -> dict[str, str] | None:
    """What Delta's own client needs beyond the variables that it reads itself."""
    if not isinstance(place, ObjectPath):
        return None
    patience = {"max_retries": str(_MAX_RETRIES), "retry_timeout": f"{_PATIENCE.seconds}s"}
    return patience | ({"AWS_ALLOW_HTTP": "true"} if _is_plain(_endpoint()) else {})


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _is_plain(endpoint: str | None) -> bool:
    return bool(endpoint and endpoint.startswith("http://"))


def _connect(bucket: str) -> S3Store:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return _make_client(bucket, _endpoint(), region, os.environ.get("AWS_ACCESS_KEY_ID"), os.getpid())


@cache
def _make_client(bucket: str, endpoint: str | None, region: str | None, key: str | None, process: int) -> S3Store:
    """One client for each bucket and process: `key` and `process` only tell them apart."""
    settings: dict[str, Any] = {"endpoint": endpoint, "region": region}
    given = {name: value for name, value in settings.items() if value}
    options: Any = {"allow_http": _is_plain(endpoint), "connect_timeout": _CONNECT_TIMEOUT}
    return S3Store(
        bucket, **given, client_options=options, retry_config={"max_retries": _MAX_RETRIES, "retry_timeout": _PATIENCE}
    )


@contextmanager
def _as_os_errors() -> Generator[None]:
    """The client's errors as those of a disk, which the store explains."""
    try:
        yield
    except BaseError as error:
        reason = " ".join(str(error).split())[:300]
        raise StoreError(
            f"S3 refused or can't be reached: {reason}: see to AWS_ENDPOINT_URL, AWS_REGION and the credentials, and "
            "run the same command again"
        ) from error
