"""What a student is taught by: one file a loss, each with its formula, its gradient and where it comes from.

Read `output.py` and `trace.py` first; `tokens.py` adds them up over a batch without ever holding all of its logits.
"""

from tracewright.distill.losses.distributions import HiddenDistribution, Outcomes, TopDistribution, WholeDistribution
from tracewright.distill.losses.output import OutputLoss
from tracewright.distill.losses.tokens import Divisors, Positions, TokenLoss, TokenLosses, measure_tokens

__all__ = [
    "Divisors",
    "HiddenDistribution",
    "Outcomes",
    "OutputLoss",
    "Positions",
    "TokenLoss",
    "TokenLosses",
    "TopDistribution",
    "WholeDistribution",
    "measure_tokens",
]
