"""Steps: where a completion is cut, what can be proved about each part, and what each part rests on."""

from tracewright.pipeline.steps.check import CHECKER_VERSION, CheckedStep, check_steps, first_failed_step
from tracewright.pipeline.steps.claims import Claim
from tracewright.pipeline.steps.files import CheckCounts, check_steps_file
from tracewright.pipeline.steps.graph import StepGraph, step_graph, to_graphml
from tracewright.pipeline.steps.segment import segment, token_spans

__all__ = [
    "CHECKER_VERSION",
    "CheckCounts",
    "CheckedStep",
    "Claim",
    "StepGraph",
    "check_steps",
    "check_steps_file",
    "first_failed_step",
    "segment",
    "step_graph",
    "to_graphml",
    "token_spans",
]
