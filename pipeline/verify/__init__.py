"""Whether a completion's answer is the gold answer: extraction, comparison in a cascade, policies, killable workers.

Read `verifier.py` first (one case or many, and in which process), then `cascade.py` (from a case to a decision),
`extraction/extract.py` (where the answer stands), `comparison/mathematics.py` and `comparison/compare.py` (whether two
answers are the same), `policy.py` (what mathematics alone does not say) and `limits.py`.

Of the folders, `grammar` reads an answer into a tree, `evaluation` works out what a tree is worth, and `processes`
holds what runs in a process of its own: algebra, and the programs of the code kind.
"""

from tracewright.pipeline.verify.cascade import extract_answer
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.extraction.extract import AnswerSource, Extraction
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
