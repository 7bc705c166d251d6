"""The store: traces, attempts and rejections in versioned tables, written once whatever is killed and when."""

from tracewright.pipeline.store.compaction import Compaction, CompactionLimits
from tracewright.pipeline.store.journal import Journal
from tracewright.pipeline.store.lane import ShardLimits
from tracewright.pipeline.store.removals import Removal
from tracewright.pipeline.store.reviews import Publication, ReviewLog
from tracewright.pipeline.store.rewriter import TraceRewriter
from tracewright.pipeline.store.standing import Standing, settle_reviews
from tracewright.pipeline.store.store import Store, publish_reviews
from tracewright.pipeline.store.table import Commit
from tracewright.pipeline.store.top_logprobs import TopLogprobs, TopLogprobsFolder, TopSettings, make_top_logprobs
from tracewright.pipeline.store.vacuum import Vacuum
from tracewright.pipeline.store.writer import TraceWriter

__all__ = [
    "Commit",
    "Compaction",
    "CompactionLimits",
    "Journal",
    "Publication",
    "Removal",
    "ReviewLog",
    "ShardLimits",
    "Standing",
    "Store",
    "TopLogprobs",
    "TopLogprobsFolder",
    "TopSettings",
    "TraceRewriter",
    "TraceWriter",
    "Vacuum",
    "make_top_logprobs",
    "publish_reviews",
    "settle_reviews",
]
