"""Confidence: signals of each step, the calibrated probability that it is right, and a trace's from its steps.

signals = step_signals(token_logprobs, token_spans, top_logprobs)
calibration = fit([sample_trace(trace) for trace in traces], teacher.family, now)
confidences = calibration.predict(signals, [len(text) for text in step_texts])
trace_confidence(confidences)
"""

from tracewright.pipeline.confidence.calibrate import (
    Calibration,
    Figures,
    calibration_figures,
    fit,
)
from tracewright.pipeline.confidence.features import Rollout
from tracewright.pipeline.confidence.samples import NotEnoughData, TraceSample, sample_trace
from tracewright.pipeline.confidence.shelf import find_calibration, load_calibration, save_calibration
from tracewright.pipeline.confidence.signals import lowest_window, step_signals
from tracewright.pipeline.confidence.trace import Vote, trace_confidence, vote
from tracewright.pipeline.confidence.truth import step_truth

__all__ = [
    "Calibration",
    "Figures",
    "NotEnoughData",
    "Rollout",
    "TraceSample",
    "Vote",
    "calibration_figures",
    "find_calibration",
    "fit",
    "load_calibration",
    "lowest_window",
    "sample_trace",
    "save_calibration",
    "step_signals",
    "step_truth",
    "trace_confidence",
    "vote",
]
