"""Texts that say nearly the same: found by MinHash, told apart by their numbers, gathered into clusters."""

from tracewright.pipeline.duplicates.clusters import cluster_problems, cluster_texts
from tracewright.pipeline.duplicates.settings import DuplicateSettings

__all__ = ["DuplicateSettings", "cluster_problems", "cluster_texts"]
