"""What identifies a checkpoint: hashes of its weights, its tokenizer and its prompt template."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from tracewright.schemas import MissingInputError, hash_content

_WHOLE_FILE_LIMIT_BYTES = 256 * 2**20
_PART_BYTES = 2**20
_HASH_DIGITS = 24


@dataclass(frozen=True)
class CheckpointIdentity:
    """Hashes that go into a teacher's fingerprint."""

    revision: str
    tokenizer_hash: str
    template_hash: str


def identify_checkpoint(model: str, revision: str | None, prompt: str = "") -> CheckpointIdentity:
    """The identity of a checkpoint folder, or of a hub name at a revision; `prompt` is what the template gets added.

    A folder's revision is a hash of its weights: of whole files up to 256 MiB, of size, first and last MiB beyond.

    Raises:
        MissingInputError: the folder holds no safetensors file.
    """
    folder = Path(model)
    if not folder.is_dir():
        known = hash_content(model, revision or "main")[:_HASH_DIGITS]
        return CheckpointIdentity(revision or "main", known, hash_content(known, prompt)[:_HASH_DIGITS])
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise MissingInputError(f"{folder} holds no *.safetensors file, so it is no checkpoint: name the folder of one")
    template = _read_template(folder)
    return CheckpointIdentity(
        revision=revision or _hash_files(weights),
        tokenizer_hash=_hash_files([path for path in [folder / "tokenizer.json"] if path.exists()]),
        template_hash=hash_content(template, prompt)[:_HASH_DIGITS],
    )


def count_parameters(folder: Path) -> int:
    """How many numbers the checkpoint's tensors hold; a matrix that two layers share is stored, and counted, once."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "numpy") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def _read_template(folder: Path) -> str:
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    config = folder / "tokenizer_config.json"
    return str(json.loads(config.read_text()).get("chat_template")) if config.exists() else ""


def _hash_files(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}:".encode())
        with path.open("rb") as file:
            if size <= _WHOLE_FILE_LIMIT_BYTES:
                digest.update(file.read())
            else:
                digest.update(file.read(_PART_BYTES))
                file.seek(-_PART_BYTES, 2)
                digest.update(file.read())
    return digest.hexdigest()[:_HASH_DIGITS]
