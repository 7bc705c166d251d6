"""What a student is taught by: one file a loss, each with its formula and where it comes from, combined by weights.

Every loss gives a `LossSum`, so that parts of a batch (or a batch spread over processes) add up before the one division
and the mean is over the positions that were learnt, however they were grouped.
"""

from tracewright.distill.losses.combine import CombinedLoss, combine_losses
from tracewright.distill.losses.output import output_loss
from tracewright.distill.losses.sums import LossSum
from tracewright.distill.losses.trace import trace_loss

__all__ = ["CombinedLoss", "LossSum", "combine_losses", "output_loss", "trace_loss"]
