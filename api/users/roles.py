"""Who may do what: four roles, each of which may do all that the one before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A user's role, and the scope of a token, which never gives more than its user's role."""

    VIEWER = "viewer"
    """Reads everything but people and what is still blind."""
    REVIEWER = "reviewer"
    """Judges traces and claims them from queues."""
    CURATOR = "curator"
    """Makes slices, queues, releases and runs, and judges in bulk."""
    ADMIN = "admin"
    """Sees to people and reads the audit log."""

    @property
    def rank(self) -> int:
        """0 for the lowest."""
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        return self.rank >= other.rank


def lower_of(one: Role, other: Role) -> Role:
    """The role that may do less."""
    return min(one, other, key=lambda role: role.rank)
