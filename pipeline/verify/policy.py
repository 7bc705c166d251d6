"""What counts as the same answer where mathematics alone does not say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tracewright.schemas.base import Frozen


class Policy(Frozen):
    """The conventions of a comparison. The defaults accept what a careful teacher accepts and nothing that is wrong."""

    units: Literal["optional", "required", "ignored"] = "optional"
    """`optional`: a unit may be missing on one side; two units are converted and must measure the same (500 cm = 5 m,
    5 cm ≠ 5 km). `required`: a unit of the gold answer must be there. `ignored`: units are dropped."""
    percent: Literal["either", "fraction", "points"] = "either"
    """`either`: 20% stands for 0.2 and, where the other side has no percent sign, for 20. `fraction`: only for 0.2.
    `points`: the sign is dropped, so that 20% stands only for 20."""
    rounding: Literal["long", "exact", "gold"] = "long"
    """When a decimal may stand for a number that has no finite decimal, such as 10/3 or √2. `long`: when it has at
    least `rounding_digits` significant digits and is that number, rounded or cut. `exact`: never. `gold`: also when
    the gold answer is a decimal and the given number, rounded to as many places, is it. Whatever it says,
    0.30000000000000004 is 0.3: what differs only after 15 digits is noise of binary arithmetic."""
    rounding_digits: int = Field(default=8, ge=1, le=1000)
    """See `rounding`. Eight: 0.333 is not 1/3 nor 3.33 10/3, and 0.33333333 is what a calculator shows for 1/3."""
    relative_tolerance: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Numbers that differ by at most this share of the gold number are the same."""
    list_order: Literal["any", "kept"] = "any"
    """Whether `2, 1` may stand for `1, 2`. Tuples and matrices always keep their order, sets never do."""
    assignment: Literal["optional", "kept"] = "optional"
    """`optional`: `x = 7` may stand for `7` and the other way round; two different names are different answers."""
    money: Literal["optional", "required", "ignored"] = "optional"
    """As `units`, for currencies: $0.50 = 50 cents, and $5 ≠ €5."""
    time: Literal["clock", "text"] = "clock"
    """`clock`: 8:34 PM = 20:34, and a missing AM or PM is accepted. `text`: times are compared as they are written."""
    ignore_case: bool = True
    """Whether `paris` is `Paris`; of the text kind."""


DEFAULT_POLICY = Policy()
