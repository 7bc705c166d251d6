"""datatrove's MinHash deduplication, timed: run by `bench dedup` in an environment of its own.

`python _datatrove_peer.py TEXTS.jsonl PARTS`: reads the texts once, prints `{"ready": …}`, and for every line on stdin
does one piece of work and prints its seconds: the number of a part (its signatures), or `finish` (buckets, clusters and
the filter over all parts). All settings are datatrove's own for English.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.utils.logging import logger

CONFIG = MinhashConfig()


def main() -> None:
    """Serve the benchmark."""
    logger.remove()
    texts = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    parts = int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        tell({"ready": len(texts)})
        for line in sys.stdin:
            started = time.perf_counter()
            with contextlib.redirect_stdout(sys.stderr):
                kept = (
                    finish(texts, parts, folder) if line.strip() == "finish" else sign(texts, parts, int(line), folder)
                )
            tell({"seconds": time.perf_counter() - started, "kept": kept})


def tell(answer: dict[str, float]) -> None:
    """One line to the benchmark."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def documents(texts: list[str], parts: int, part: int) -> Iterator[Document]:
    """Every so-manieth text."""
    return (Document(text=text, id=str(place)) for place, text in enumerate(texts) if place % parts == part)


def sign(texts: list[str], parts: int, part: int, folder: str) -> int:
    """Signatures of one part."""
    stage = MinhashDedupSignature(f"{folder}/signatures", CONFIG)
    stage.run(documents(texts, parts, part), part, parts)
    return 0


def finish(texts: list[str], parts: int, folder: str) -> int:
    """Buckets, clusters, and what the filter keeps."""
    for bucket in range(CONFIG.num_buckets):
        stage = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=CONFIG)
        stage.run(None, bucket, CONFIG.num_buckets)
    MinhashDedupCluster(f"{folder}/buckets", f"{folder}/clusters", config=CONFIG).run(None, 0, 1)
    keep = MinhashDedupFilter(f"{folder}/clusters")
    return sum(sum(1 for _ in keep.run(documents(texts, parts, part), part, parts)) for part in range(parts))


if __name__ == "__main__":
    main()
