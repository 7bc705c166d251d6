"""What the main job shows at its end: the summary, the table and the HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tracewright.pipeline.store import Store


def write_demo_report(
    out: Path, *, counts: Any, evaluation: Any, curated: Any, release: Path, manifest: Any, seconds: float
) -> dict[str, Any]:
    frame = Store.open(out / "store").frame()
    return {
        "traces": frame.height,
        "verified": int((frame["outcome"] == "correct").sum()),
        "release": str(release),
        "seconds": seconds,
        "teacher": {"accuracy": evaluation.accuracy([1, 2]).share},
        "confidence": str(manifest.calibration),
    }
