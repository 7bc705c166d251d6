"""Old rows up to date: verdicts, checks and confidence by the installed versions; the traces themselves untouched."""

from tracewright.pipeline.rescore.changes import Changes, RescoreCounts
from tracewright.pipeline.rescore.run import no_rollouts, rescore_store

__all__ = ["Changes", "RescoreCounts", "no_rollouts", "rescore_store"]
