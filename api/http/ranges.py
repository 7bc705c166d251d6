"""Parts of files (RFC 9110, section 14), so that a download that broke off goes on where it did."""

from __future__ import annotations

import re

from tracewright.api.http.errors import RangeError

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def choose_part(asked: str | None, size: int) -> tuple[int, int] | None:
    """Where the part that a `Range` names begins and ends; None for the whole file.

    The whole is also the answer to other units, to several parts at once and to what makes no sense, as the RFC allows.

    Raises:
        RangeError: the part begins beyond the end.
    """
    match = _RANGE.fullmatch(asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        error = RangeError(f"the file has {size:,} bytes and no part {asked}")
        error.headers = {"Content-Range": f"bytes */{size}"}
        raise error
    return start, end
