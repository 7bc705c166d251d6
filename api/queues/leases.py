"""Claiming, renewing, releasing and submitting: who works on what, and who may say so."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from tracewright.api.database.tables import QUEUES
from tracewright.api.http.access import Principal
from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ConflictError, ForbiddenError
from tracewright.api.queues import repository
from tracewright.api.queues.repository import SlotKind
from tracewright.api.users.roles import Role

MAX_OPEN_LEASES = 10
"""Of one reviewer in one queue: enough to fetch ahead, too few to take the others' work."""
_MICROSECONDS = 1_000_000


def claim(change: Change, queue: Any, kind: SlotKind) -> Any | None:
    """The next trace of a queue for the one who asks; None where there is none for them now.

    Raises:
        ConflictError: the queue is closed, or too many leases are open.
        ForbiddenError: only a curator settles disagreements.
    """
    if queue.closed_at is not None:
        raise ConflictError(f"the queue {queue.name!r} is closed")
    if kind is SlotKind.ADJUDICATION and not change.principal.may(Role.CURATOR):
        raise ForbiddenError("disagreements are settled by a curator")
    reviewer, expires_at = change.principal.name, change.now + queue.lease_seconds * _MICROSECONDS
    work, gold, open_ = repository.count_own(change.connection, queue.id, reviewer, change.now)
    if open_ >= MAX_OPEN_LEASES:
        raise ConflictError(f"{open_} traces are claimed and not submitted: submit or release some first")
    if kind is SlotKind.WORK and queue.gold_every and gold < (work + gold + 1) // queue.gold_every:
        slot = repository.claim_gold(change.connection, queue.id, reviewer, change.now, expires_at)
        if slot is not None:
            return slot
    return repository.claim_slot(change.connection, queue.id, kind, reviewer, change.now, expires_at)


def renew(change: Change, queue: Any, slot_id: int, fence: int) -> Any:
    """The lease, from now on as long as a new one.

    Raises:
        ConflictError: it is over and somebody else has it, or it is submitted.
    """
    return _change(change, slot_id, fence, None, {"expires_at": change.now + queue.lease_seconds * _MICROSECONDS})


def release(change: Change, slot_id: int, fence: int) -> Any:
    """Give a claimed trace back at once.

    Raises:
        ConflictError: somebody else has it, or it is submitted.
    """
    return _change(change, slot_id, fence, None, {"expires_at": change.now})


def submit_slot(change: Change, trace_id: str, slot_id: int, fence: int, decision: str) -> None:
    """End a slot with the reviewer's decision; where that makes a disagreement, ask for somebody to settle it.

    Raises:
        ConflictError: the lease was over and the trace given to somebody else, or it is submitted.
    """
    values = {"submitted_at": change.now, "decision": decision}
    slot = _change(change, slot_id, fence, trace_id, values)
    if slot.kind == SlotKind.WORK:
        _call_adjudicator(change.connection, slot)


def follow(change: Change, trace_id: str, decision: str) -> None:
    """Let the queues know how a reviewer decides after all, or, with an empty decision, that they took it back.

    A slot stays submitted, so nobody else is asked; where the others decided otherwise, a curator is. What somebody
    answered to a gold question stays.
    """
    for slot in repository.change_decisions(change.connection, trace_id, change.principal.name, decision):
        _call_adjudicator(change.connection, slot)


def is_blind_for(connection: Connection, trace_id: str, principal: Principal) -> bool:
    """Whether others' judgements of a trace are kept from someone: until they have given their own.

    Curators see everything.
    """
    if principal.may(Role.CURATOR):
        return False
    if repository.is_awaited(connection, trace_id, principal.name):
        return True
    return repository.is_open_gold(connection, trace_id, principal.name)


def _change(change: Change, slot_id: int, fence: int, trace_id: str | None, values: dict[str, Any]) -> Any:
    slot = repository.change_lease(change.connection, slot_id, fence, change.principal.name, trace_id, values)
    if slot is None:
        raise ConflictError(
            f"slot {slot_id} is not yours under fence {fence}: the lease ran out and somebody else has the trace, or "
            "it is submitted; claim another"
        )
    return slot


def _call_adjudicator(connection: Connection, slot: Any) -> None:
    siblings = repository.list_siblings(connection, slot)
    decisions = {sibling.decision for sibling in siblings}
    if not all(sibling.submitted_at and sibling.decision for sibling in siblings) or len(decisions) < 2:
        return
    if repository.has_adjudication(connection, slot):
        return
    queue = connection.execute(QUEUES.select().where(QUEUES.c.id == slot.queue_id)).one()
    if queue.adjudicates:
        row = {"queue_id": slot.queue_id, "trace_id": slot.trace_id, "position": slot.position, "number": 0}
        repository.add_slots(connection, [row | {"kind": SlotKind.ADJUDICATION.value}])
