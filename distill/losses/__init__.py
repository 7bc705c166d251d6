"""What a student is taught by: one file a loss, each with its formula, its gradient and where it comes from.

Read `output.py` and `trace.py` first; `tokens.py` adds them up over a batch without ever holding all of its logits.
`attention.py` and `hidden.py` look inside the models, `sampled.py` estimates the output loss from drawn tokens.
"""

from tracewright.distill.losses.distributions import HiddenDistribution, Outcomes, TopDistribution, WholeDistribution
from tracewright.distill.losses.output import OutputLoss, Teaching
from tracewright.distill.losses.sampled import SampledDistribution
from tracewright.distill.losses.tokens import Divisors, Positions, TokenLoss, TokenLosses, measure_tokens

__all__ = [
    "Divisors",
    "HiddenDistribution",
    "Outcomes",
    "OutputLoss",
    "Positions",
    "SampledDistribution",
    "Teaching",
    "TokenLoss",
    "TokenLosses",
    "TopDistribution",
    "WholeDistribution",
    "measure_tokens",
]
