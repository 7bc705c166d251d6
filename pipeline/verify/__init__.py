"""Whether a completion's answer is the gold answer: extraction, comparison in a cascade, policies, killable workers."""

from tracewright.pipeline.verify.cascade import extract_answer
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.extract import AnswerSource, Extraction
from tracewright.pipeline.verify.files import verify_file
from tracewright.pipeline.verify.policy import Policy
from tracewright.pipeline.verify.verifier import VERIFIER_VERSION, AnswerVerifier, verify_answer

__all__ = [
    "VERIFIER_VERSION",
    "AnswerCase",
    "AnswerSource",
    "AnswerVerifier",
    "Extraction",
    "Policy",
    "extract_answer",
    "verify_answer",
    "verify_file",
]
