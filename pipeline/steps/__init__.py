"""Steps: where a completion is cut, what can be proved about each part, and what each part rests on.

Read `check.py` first, then `segment.py` (text to steps), `reading.py` (a step to chains of relations), `walk.py`
(chains to claims with outcomes, against what `memory.py` holds) and `graph.py`. Below `reading.py` lie the lexer, the
grammar and the values; `worked.py` is a short way around them for the embedded teacher's lines.
"""

from tracewright.pipeline.steps.check import CHECKER_VERSION, CheckedStep, check_steps, first_failed_step
from tracewright.pipeline.steps.claims import Claim
from tracewright.pipeline.steps.files import CheckCounts, check_steps_file
from tracewright.pipeline.steps.graph import StepGraph, step_graph
from tracewright.pipeline.steps.graphml import to_graphml
from tracewright.pipeline.steps.layout import GraphLayout, PlacedEdge, PlacedNode, lay_out
from tracewright.pipeline.steps.segment import segment, token_spans

__all__ = [
    "CHECKER_VERSION",
    "CheckCounts",
    "CheckedStep",
    "Claim",
    "GraphLayout",
    "PlacedEdge",
    "PlacedNode",
    "StepGraph",
    "check_steps",
    "check_steps_file",
    "first_failed_step",
    "lay_out",
    "segment",
    "step_graph",
    "to_graphml",
    "token_spans",
]
