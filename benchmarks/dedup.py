"""Near duplicates beside datatrove: documents per second end to end, recall and precision, and digit-only variants.

Both get the same texts in the same run and take turns: ours clusters all of them in every round, datatrove signs a
fifth of them, and its last stages, timed as well, count for every fifth alike. datatrove has an environment of its own
(`.venv/peers/datatrove`, made at the first run: its tokenizers' requirements do not belong beside vLLM).

`--cases FILE` is JSONL, a text a line: `{"id": …, "text": …, "cluster": …}`. Texts with the same `cluster` are planted
near duplicates; one without is alone. Recall and precision count pairs: planted pairs that were put together, and pairs
put together that were planted. Without a file, 10,000 texts of 300 words are drawn, a fifth of them copies of others.
Digit-only variants are made of the file's texts that hold a number, or of the drawn ones: 10,000, of as many texts as
there are, all in one run with the texts; none may share a cluster with another variant or its text.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.flows.commands.benches import FOLDER
from tracewright.pipeline.duplicates import cluster_texts
from tracewright.schemas.errors import InputError, MissingInputError

TEXTS, WORDS, COPIED_SHARE = 10_000, 300, 0.2
VARIANTS = 10_000
PAIRS = 5
PEER_REQUIREMENTS = ("datatrove>=0.10,<0.11", "regex", "spacy>=3.8", "tokenizers", "xxhash<4")
_PEER = FOLDER / "_datatrove_peer.py"
_MAX_SHOWN = 60


@dataclass(frozen=True)
class Case:
    """A text, and what it is a near duplicate of."""

    text: str
    cluster: Hashable
    kind: str | None = None
    """Of drawn copies, how they were made."""


def run(cases: Path | None, seed: int) -> dict[str, Any]:
    """The figures of `bench dedup`."""
    sys.path.insert(0, str(FOLDER))
    from _planted_texts import TextMaker

    maker = TextMaker(seed)
    items = draw_cases(maker) if cases is None else read_cases(cases)
    texts = [item.text for item in items]
    with _peer(texts) as peer:
        rounds = [(_time_ours(texts), peer.time_part(part)) for part in range(PAIRS)]
        finish_seconds = peer.finish()
    peer_rates = [peer.part_texts(part) / (theirs + finish_seconds / PAIRS) for part, (_, theirs) in enumerate(rounds)]
    our_rates = [len(texts) / ours for ours, _ in rounds]
    found = cluster_texts(texts)
    recall, precision = score(items, found)
    merged, variants = count_merged_variants(maker, texts)
    return {
        "docs_per_second": statistics.median(our_rates),
        "peer_docs_per_second": statistics.median(peer_rates),
        "ratio": statistics.median(ours / theirs for ours, theirs in zip(our_rates, peer_rates, strict=True)),
        "recall": recall,
        "precision": precision,
        "digit_variants": variants,
        "digit_variants_merged": merged,
        "documents": len(texts),
        "words_per_document": sum(len(text.split()) for text in texts) / len(texts),
        "recall_by_kind": _recall_by_kind(items, found),
    }


def draw_cases(maker: Any) -> list[Case]:
    """Texts of which a fifth are near duplicates of others."""
    copies = int(TEXTS * COPIED_SHARE)
    originals = [maker.text(WORDS) for _ in range(TEXTS - copies)]
    items = [Case(text, place) for place, text in enumerate(originals)]
    for _ in range(copies):
        place = maker.rng.randrange(len(originals))
        items.append(Case(*_copy(maker, originals[place], place)))
    maker.rng.shuffle(items)
    return items


def _copy(maker: Any, text: str, place: int) -> tuple[str, int, str]:
    copied, kind = maker.copy(text)
    return copied, place, kind


def read_cases(path: Path) -> list[Case]:
    """The texts of a file.

    Raises:
        MissingInputError: there is no such file.
        InputError: a line is no JSON object with a `text`, or there is none.
    """
    if not path.is_file():
        raise MissingInputError(f"no file {path}: expected texts, one JSON object a line with id, text and cluster")
    items: list[Case] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            items.append(_read_case(path, number, line))
    if not items:
        raise InputError(f"{path} holds no text: expected one JSON object a line with id, text and cluster")
    return items


def _read_case(path: Path, number: int, line: str) -> Case:
    try:
        row = json.loads(line)
        text, cluster = row["text"], row.get("cluster")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}:{number} is {line[:_MAX_SHOWN]!r}, expected an object with id, text and perhaps cluster"
        ) from error
    return Case(str(text), ("alone", number) if cluster is None else json.dumps(cluster))


def score(items: Sequence[Case], found: Sequence[int]) -> tuple[float, float]:
    """Recall and precision over pairs; 1 where there is no pair."""
    planted = _count_pairs(item.cluster for item in items)
    put_together = _count_pairs(found)
    both = _count_pairs((item.cluster, first) for item, first in zip(items, found, strict=True))
    return (both / planted if planted else 1.0), (both / put_together if put_together else 1.0)


def count_merged_variants(maker: Any, texts: Sequence[str]) -> tuple[int, int]:
    """How many digit-only variants are put together with another one or with their text, and how many there are."""
    sources = [text for text in dict.fromkeys(texts) if any(character.isdigit() for character in text)]
    if not sources:
        return 0, 0
    variants: dict[str, None] = {}
    for turn in range(2 * VARIANTS):
        variants.setdefault(maker.variant(sources[turn % len(sources)]))
        if len(variants) == VARIANTS:
            break
    # Alone with its own variants: that two texts of the file are near duplicates is no concern here.
    merged = 0
    for begin in range(0, len(sources), 1000):
        some = sources[begin : begin + 1000]
        mine = [variant for place, variant in enumerate(variants) if begin <= place % len(sources) < begin + 1000]
        merged += _count_merged(some, mine)
    return merged, len(variants)


def _count_merged(sources: Sequence[str], variants: Sequence[str]) -> int:
    found = cluster_texts([*sources, *variants])
    shapes = [_mask(text) for text in (*sources, *variants)]
    sizes = Counter(zip(shapes, found, strict=True))
    return sum(sizes[pair] > 1 for pair in list(zip(shapes, found, strict=True))[len(sources) :])


def _mask(text: str) -> str:
    import re

    return re.sub(r"\d+", "#", text)


def _recall_by_kind(items: Sequence[Case], found: Sequence[int]) -> dict[str, float]:
    """Of the drawn copies, how many are with their original."""
    origins = {item.cluster: first for item, first in zip(items, found, strict=True) if item.kind is None}
    hits: dict[str, list[bool]] = {}
    for item, first in zip(items, found, strict=True):
        if item.kind is not None:
            hits.setdefault(item.kind, []).append(first == origins[item.cluster])
    return {kind: sum(values) / len(values) for kind, values in sorted(hits.items())}


def _count_pairs(keys: Any) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(keys).values())


def _time_ours(texts: Sequence[str]) -> float:
    started = time.perf_counter()
    cluster_texts(texts)
    return time.perf_counter() - started


@dataclass(frozen=True)
class _Peer:
    process: subprocess.Popen[str]
    texts: int

    def part_texts(self, part: int) -> int:
        return len(range(part, self.texts, PAIRS))

    def time_part(self, part: int) -> float:
        return self._ask(str(part))

    def finish(self) -> float:
        return self._ask("finish")

    def _ask(self, what: str) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise InputError(f"datatrove ended while it did {what!r}: its message stands above")
        return float(json.loads(answer)["seconds"])


@contextmanager
def _peer(texts: Sequence[str]) -> Iterator[_Peer]:
    python = _make_peer_environment()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        command = [str(python), str(_PEER), str(path), str(PAIRS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield _Peer(process, len(texts))
            assert process.stdin is not None
            process.stdin.close()


def _make_peer_environment() -> Path:
    """The Python of datatrove's environment, which is made where it is not there."""
    folder = Path(sys.prefix) / "peers" / "datatrove"
    python = folder / "bin" / "python"
    complete, wanted = folder / ".complete", " ".join(PEER_REQUIREMENTS)
    if not complete.is_file() or complete.read_text() != wanted:
        uv = str(Path(sys.prefix) / "bin" / "uv")
        for arguments in (
            ["venv", "-q", "--clear", "-p", sys.executable, str(folder)],
            ["pip", "install", "-q", "-p", str(python), *PEER_REQUIREMENTS],
        ):
            if subprocess.run([uv, *arguments], check=False, env={**os.environ, **_index_settings()}).returncode:
                raise InputError(f"datatrove could not be installed into {folder}: uv says why above")
        complete.write_text(wanted)
    return python


def _index_settings() -> dict[str, str]:
    """uv does not read pip's settings."""
    settings: dict[str, str] = {}
    for name, variable in (("index-url", "UV_DEFAULT_INDEX"), ("find-links", "UV_FIND_LINKS")):
        command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
        answer = subprocess.run(command, check=False, capture_output=True, text=True)
        if answer.returncode == 0 and variable not in os.environ:
            settings[variable] = answer.stdout.strip()
    return settings
