"""The rows of queues, their slots and their gold questions.

A queue that wants n people for a trace has n slots for it. A slot is claimed, and its lease's expiry checked, in one
statement; its fence goes up with each claim, so whoever lost a slot to someone else can't submit to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, insert, or_, select, union, update

from tracewright.api.database.tables import GOLD, QUEUES, SLOTS


class SlotKind(StrEnum):
    """Why a trace is given to somebody."""

    WORK = "work"
    GOLD = "gold"
    ADJUDICATION = "adjudication"


def add_queue(connection: Connection, row: dict[str, Any]) -> Any:
    """A new queue."""
    return connection.execute(insert(QUEUES).values(**row).returning(QUEUES)).one()


def find_queue(connection: Connection, name: str) -> Any | None:
    """The queue of that name."""
    return connection.execute(select(QUEUES).where(QUEUES.c.name == name)).one_or_none()


def list_queues(connection: Connection, after: str | None, limit: int) -> list[Any]:
    """Queues by name, beyond a name."""
    query = select(QUEUES).order_by(QUEUES.c.name).limit(limit)
    return list(connection.execute(query if after is None else query.where(QUEUES.c.name > after)))


def close_queue(connection: Connection, queue_id: int, closed_at: int | None) -> Any:
    """Close a queue, or open it again."""
    values = {"closed_at": closed_at, "version": QUEUES.c.version + 1}
    return connection.execute(update(QUEUES).where(QUEUES.c.id == queue_id).values(values).returning(QUEUES)).one()


def add_slots(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add slots."""
    if rows:
        connection.execute(insert(SLOTS), list(rows))


def add_gold(connection: Connection, queue_id: int, answers: dict[str, str]) -> None:
    """Add questions whose right decision is known."""
    rows = [{"queue_id": queue_id, "trace_id": trace_id, "decision": right} for trace_id, right in answers.items()]
    if rows:
        connection.execute(insert(GOLD), rows)


def claim_slot(
    connection: Connection, queue_id: int, kind: SlotKind, reviewer: str, now: int, expires_at: int
) -> Any | None:
    """Give a reviewer the first slot that is free or whose lease is over, of a trace that is not theirs already."""
    slot, other = SLOTS.alias("slot"), SLOTS.alias("other")
    held = or_(other.c.submitted_at.is_not(None), other.c.expires_at > now)
    theirs = exists().where(
        other.c.queue_id == queue_id, other.c.trace_id == slot.c.trace_id, other.c.reviewer == reviewer, held
    )
    free = or_(slot.c.reviewer.is_(None), slot.c.expires_at <= now)
    first = (
        select(slot.c.id)
        .where(slot.c.queue_id == queue_id, slot.c.kind == kind.value, slot.c.submitted_at.is_(None), free, ~theirs)
        .order_by(slot.c.position, slot.c.number)
        .limit(1)
        .scalar_subquery()
    )
    values = {"reviewer": reviewer, "fence": SLOTS.c.fence + 1, "expires_at": expires_at}
    return connection.execute(update(SLOTS).where(SLOTS.c.id == first).values(values).returning(SLOTS)).one_or_none()


def claim_gold(connection: Connection, queue_id: int, reviewer: str, now: int, expires_at: int) -> Any | None:
    """Give a reviewer the first gold question that they have not had; None where none is left."""
    had = exists().where(
        SLOTS.c.queue_id == queue_id,
        SLOTS.c.kind == SlotKind.GOLD.value,
        SLOTS.c.trace_id == GOLD.c.trace_id,
        SLOTS.c.reviewer == reviewer,
    )
    query = select(GOLD.c.trace_id).where(GOLD.c.queue_id == queue_id, ~had).order_by(GOLD.c.id).limit(1)
    trace_id = connection.execute(query).scalar_one_or_none()
    if trace_id is None:
        return None
    number = select(func.count()).where(
        SLOTS.c.queue_id == queue_id, SLOTS.c.kind == SlotKind.GOLD.value, SLOTS.c.trace_id == trace_id
    )
    row = {
        "queue_id": queue_id,
        "trace_id": trace_id,
        "position": 0,
        "kind": SlotKind.GOLD.value,
        "number": connection.execute(number).scalar_one(),
        "reviewer": reviewer,
        "fence": 1,
        "expires_at": expires_at,
    }
    return connection.execute(insert(SLOTS).values(**row).returning(SLOTS)).one()


def count_own(connection: Connection, queue_id: int, reviewer: str, now: int) -> tuple[int, int, int]:
    """How many slots a reviewer has had of work and of gold, and how many leases are open."""
    is_open = and_(SLOTS.c.submitted_at.is_(None), SLOTS.c.expires_at > now)
    mine = and_(or_(SLOTS.c.submitted_at.is_not(None), is_open))
    query = select(
        func.coalesce(func.sum(case((and_(SLOTS.c.kind == SlotKind.WORK.value, mine), 1), else_=0)), 0),
        func.coalesce(func.sum(case((SLOTS.c.kind == SlotKind.GOLD.value, 1), else_=0)), 0),
        func.coalesce(func.sum(case((is_open, 1), else_=0)), 0),
    ).where(SLOTS.c.queue_id == queue_id, SLOTS.c.reviewer == reviewer)
    work, gold, open_ = connection.execute(query).one()
    return int(work), int(gold), int(open_)


def list_open(connection: Connection, queue_id: int, reviewer: str, now: int) -> list[Any]:
    """A reviewer's open leases, the earliest first."""
    query = select(SLOTS).where(
        SLOTS.c.queue_id == queue_id,
        SLOTS.c.reviewer == reviewer,
        SLOTS.c.submitted_at.is_(None),
        SLOTS.c.expires_at > now,
    )
    return list(connection.execute(query.order_by(SLOTS.c.expires_at, SLOTS.c.id)))


def change_lease(
    connection: Connection, slot_id: int, fence: int, reviewer: str, trace_id: str | None, values: dict[str, Any]
) -> Any | None:
    """Change a slot that is still the reviewer's under this fence and not submitted; None where it is not.

    A lease that is over and that nobody took is still its reviewer's: what they worked on in time is not lost.
    """
    theirs = [SLOTS.c.id == slot_id, SLOTS.c.fence == fence, SLOTS.c.reviewer == reviewer]
    if trace_id is not None:
        theirs.append(SLOTS.c.trace_id == trace_id)
    query = update(SLOTS).where(*theirs, SLOTS.c.submitted_at.is_(None)).values(values)
    return connection.execute(query.returning(SLOTS)).one_or_none()


def change_decisions(connection: Connection, trace_id: str, reviewer: str, decision: str) -> list[Any]:
    """Put down another decision in all slots of a trace that a reviewer has submitted, gold ones left out; these."""
    query = update(SLOTS).where(
        SLOTS.c.trace_id == trace_id,
        SLOTS.c.reviewer == reviewer,
        SLOTS.c.kind == SlotKind.WORK.value,
        SLOTS.c.submitted_at.is_not(None),
        SLOTS.c.decision != decision,
    )
    return list(connection.execute(query.values(decision=decision).returning(SLOTS)))


def has_adjudication(connection: Connection, slot: Any) -> bool:
    """Whether somebody was asked to settle a slot's trace."""
    query = select(SLOTS.c.id).where(
        SLOTS.c.queue_id == slot.queue_id,
        SLOTS.c.trace_id == slot.trace_id,
        SLOTS.c.kind == SlotKind.ADJUDICATION.value,
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def list_siblings(connection: Connection, slot: Any) -> list[Any]:
    """All ordinary slots of a slot's trace in its queue."""
    query = select(SLOTS).where(
        SLOTS.c.queue_id == slot.queue_id, SLOTS.c.trace_id == slot.trace_id, SLOTS.c.kind == SlotKind.WORK.value
    )
    return list(connection.execute(query))


def find_awaited(connection: Connection, trace_ids: Sequence[str]) -> set[str]:
    """Those of the traces that an open queue still wants judgements of, or asks as gold questions."""
    open_ = QUEUES.c.closed_at.is_(None)
    slots = select(SLOTS.c.trace_id).join(QUEUES, QUEUES.c.id == SLOTS.c.queue_id)
    slots = slots.where(SLOTS.c.trace_id.in_(trace_ids), SLOTS.c.submitted_at.is_(None), open_)
    gold = select(GOLD.c.trace_id).join(QUEUES, QUEUES.c.id == GOLD.c.queue_id)
    gold = gold.where(GOLD.c.trace_id.in_(trace_ids), open_)
    return {row[0] for row in connection.execute(union(slots, gold))}


def read_mark(connection: Connection) -> tuple[int, int]:
    """What is another one once a queue was made, closed or opened."""
    changes = func.coalesce(func.sum(QUEUES.c.version), 0)
    count, sum_ = connection.execute(select(func.count(), changes).select_from(QUEUES)).one()
    return int(count), int(sum_)


def is_awaited(connection: Connection, trace_id: str, reviewer: str) -> bool:
    """Whether an open queue still wants an own judgement of the trace, and the reviewer has given none there."""
    given = SLOTS.alias("given")
    done = exists().where(
        given.c.queue_id == SLOTS.c.queue_id,
        given.c.trace_id == trace_id,
        given.c.reviewer == reviewer,
        given.c.submitted_at.is_not(None),
    )
    query = select(SLOTS.c.id).join(QUEUES, QUEUES.c.id == SLOTS.c.queue_id)
    query = query.where(
        SLOTS.c.trace_id == trace_id, SLOTS.c.submitted_at.is_(None), QUEUES.c.closed_at.is_(None), ~done
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def is_open_gold(connection: Connection, trace_id: str, reviewer: str) -> bool:
    """Whether the trace is a gold question of an open queue that the reviewer has not answered."""
    answered = exists().where(
        SLOTS.c.queue_id == GOLD.c.queue_id,
        SLOTS.c.trace_id == trace_id,
        SLOTS.c.reviewer == reviewer,
        SLOTS.c.submitted_at.is_not(None),
    )
    query = select(GOLD.c.id).join(QUEUES, QUEUES.c.id == GOLD.c.queue_id)
    query = query.where(GOLD.c.trace_id == trace_id, QUEUES.c.closed_at.is_(None), ~answered)
    return connection.execute(query.limit(1)).one_or_none() is not None


def count_by_reviewer(connection: Connection, queue_id: int, now: int) -> list[Any]:
    """For each reviewer: slots submitted, open, and of the gold ones those asked and answered rightly."""
    done = SLOTS.c.submitted_at.is_not(None)
    gold = and_(done, SLOTS.c.kind == SlotKind.GOLD.value)
    right = and_(gold, SLOTS.c.decision == GOLD.c.decision)
    is_open = and_(SLOTS.c.submitted_at.is_(None), SLOTS.c.expires_at > now)
    query = (
        select(
            SLOTS.c.reviewer,
            func.sum(case((done, 1), else_=0)).label("submitted"),
            func.sum(case((is_open, 1), else_=0)).label("open"),
            func.sum(case((gold, 1), else_=0)).label("gold"),
            func.sum(case((right, 1), else_=0)).label("gold_right"),
            func.max(SLOTS.c.submitted_at).label("latest"),
        )
        .outerjoin(GOLD, and_(GOLD.c.queue_id == SLOTS.c.queue_id, GOLD.c.trace_id == SLOTS.c.trace_id))
        .where(SLOTS.c.queue_id == queue_id, SLOTS.c.reviewer.is_not(None))
        .group_by(SLOTS.c.reviewer)
        .order_by(SLOTS.c.reviewer)
    )
    return list(connection.execute(query))


def count_slots(connection: Connection, queue_id: int) -> dict[str, tuple[int, int]]:
    """For each kind how many slots there are and how many are submitted."""
    done = func.sum(case((SLOTS.c.submitted_at.is_not(None), 1), else_=0))
    query = select(SLOTS.c.kind, func.count(), done).where(SLOTS.c.queue_id == queue_id).group_by(SLOTS.c.kind)
    return {kind: (total, int(submitted)) for kind, total, submitted in connection.execute(query)}


def count_by_time(connection: Connection, queue_id: int, bucket: int) -> list[Any]:
    """How many slots each reviewer submitted in each span of `bucket` microseconds, the spans numbered from 1970 on."""
    place = (SLOTS.c.submitted_at // bucket).label("bucket")
    query = select(place, SLOTS.c.reviewer, func.count().label("count"))
    query = query.where(SLOTS.c.queue_id == queue_id, SLOTS.c.submitted_at.is_not(None), SLOTS.c.kind != SlotKind.GOLD)
    return list(connection.execute(query.group_by(place, SLOTS.c.reviewer).order_by(place, SLOTS.c.reviewer)))


def list_judged(connection: Connection, queue_id: int, limit: int) -> list[str]:
    """The ids of a queue's traces that somebody has judged, the latest first."""
    latest = func.max(SLOTS.c.submitted_at)
    query = select(SLOTS.c.trace_id).where(SLOTS.c.queue_id == queue_id, SLOTS.c.submitted_at.is_not(None))
    query = query.group_by(SLOTS.c.trace_id).order_by(latest.desc()).limit(limit)
    return [row[0] for row in connection.execute(query)]
