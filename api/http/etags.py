"""Entity tags: which version of a thing someone has seen."""

from __future__ import annotations

from tracewright.api.http.errors import StaleError, UnconditionalError


def make_etag(*parts: object) -> str:
    """A strong tag from what identifies a version."""
    return '"' + ".".join(map(str, parts)) + '"'


def check_match(if_match: str | None, current: str, *, required: bool = True) -> None:
    """Refuse a change of something that is not (or not said to be) the version that its author has seen.

    Raises:
        UnconditionalError: there is no `If-Match`, and it is required.
        StaleError: it names other versions.
    """
    if if_match is None:
        if required:
            raise UnconditionalError(
                "`If-Match` is missing: get the resource first and send its `ETag`, so that no change of somebody "
                "else is lost"
            )
        return
    named = [tag.strip() for tag in if_match.split(",")]
    if "*" not in named and current not in named:
        raise StaleError(f"`If-Match` names {if_match}, and the resource is at {current}: get it again, then change it")
