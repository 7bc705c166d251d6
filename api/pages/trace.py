"""`/traces/ID`: one trace, read."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import polars as pl
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import PlainTextResponse, Response

from tracewright.api.http.access import Principal, Viewer
from tracewright.api.http.errors import NotFoundError
from tracewright.api.http.fields import TRACE_ID_PATTERN, TraceIdPath
from tracewright.api.pages.arcs import draw_arcs
from tracewright.api.pages.beside import compare
from tracewright.api.pages.images import find_image_type
from tracewright.api.pages.prose import ProseBudget
from tracewright.api.pages.site import Site, SiteDep
from tracewright.api.pages.step_cards import CardMaker
from tracewright.api.queues.leases import is_blind_for
from tracewright.api.reviews import repository as review_rows
from tracewright.api.reviews.folding import find_active, fold
from tracewright.api.reviews.service import to_event, to_state
from tracewright.api.services import Services, ServicesDep
from tracewright.api.traces.frame import Frame
from tracewright.api.traces.service import get_row, see_frame
from tracewright.api.users.roles import Role

router = APIRouter()
MAX_SIBLINGS = 60
MAX_EVENTS = 200
MAX_CHOICES = 26
MAX_ANSWER_CHARS = 240
MAX_QUESTION_CHARS = 12_000
OtherId = Annotated[str, Query(pattern=TRACE_ID_PATTERN)]


@router.get("/traces/{trace_id}")
def show_trace(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Viewer,
    trace_id: TraceIdPath,
    tokens: bool = False,
    beside: OtherId | None = None,
) -> Response:
    """The trace with its steps, its siblings and its history."""
    frame = see_frame(services, viewer)
    row = get_row(frame, trace_id)
    trace = services.bodies.read(frame, row, tokens=tokens)
    other = None if beside is None else services.bodies.read(frame, get_row(frame, beside))
    return site.respond(
        request,
        "trace.html.jinja",
        viewer,
        **view_trace(site, trace, is_heat=tokens),
        row=frame.read(np.array([row]))[0],
        siblings=find_siblings(frame, row),
        comparison=None if other is None else compare(site.prose, trace, other),
        beside=beside,
        history=read_history(services, viewer, trace_id),
        may_review=viewer.may(Role.REVIEWER),
    )


@router.get("/traces/{trace_id}/steps")
def show_steps(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Viewer,
    trace_id: TraceIdPath,
    start: Annotated[int, Query(alias="from", ge=0, le=1_000_000)] = 0,
    tokens: bool = False,
) -> Response:
    """Further steps of a long trace."""
    frame = services.feed.frame
    trace = services.bodies.read(frame, get_row(frame, trace_id), tokens=tokens)
    cards = CardMaker(site.prose, trace, tokens).make(start)
    return site.respond(request, "steps.html.jinja", viewer, trace=trace, cards=cards, is_heat=tokens)


@router.get("/traces/{trace_id}/text")
def read_text(
    services: ServicesDep,
    _: Viewer,
    trace_id: TraceIdPath,
    step: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
) -> Response:
    """The whole text, or one step's, as it came."""
    frame = services.feed.frame
    trace = services.bodies.read(frame, get_row(frame, trace_id))
    if step is None:
        return PlainTextResponse(trace["text"])
    if step >= len(trace["steps"]):
        raise NotFoundError(f"the trace has {len(trace['steps'])} steps, counted from 0, and none of number {step}")
    return PlainTextResponse(trace["steps"][step]["text"])


@router.get("/traces/{trace_id}/images/{number}")
def read_image(
    services: ServicesDep, _: Viewer, trace_id: TraceIdPath, number: Annotated[int, Path(ge=0, le=1_000)]
) -> Response:
    """One of the problem's images; by its first bytes it must be one."""
    frame = services.feed.frame
    images = (
        services.bodies.read_columns(frame, get_row(frame, trace_id), ["problem.images"])["problem"]["images"] or []
    )
    kind = find_image_type(images[number]["data"]) if number < len(images) else None
    if kind is None:
        raise NotFoundError(f"the problem has no image {number} that can be shown")
    return Response(images[number]["data"], media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


def view_trace(site: Site, trace: dict[str, Any], *, is_heat: bool = False) -> dict[str, Any]:
    """What a template needs to show a trace."""
    budget, problem = ProseBudget(), trace["problem"]
    question = problem["question"]
    return {
        "trace": trace,
        "question": site.prose.render(question[:MAX_QUESTION_CHARS], budget),
        "hidden_question": max(0, len(question) - MAX_QUESTION_CHARS),
        "images": [find_image_type(image["data"]) is not None for image in problem["images"] or []],
        "choices": [
            (chr(ord("A") + place), site.prose.render(text, budget))
            for place, text in enumerate((problem["choices"] or [])[:MAX_CHOICES])
        ],
        "gold": _render_answer(site, problem["answer"], budget),
        "answer": _render_answer(site, trace["answer"], budget),
        "cards": CardMaker(site.prose, trace, is_heat, budget).make(),
        "arcs": draw_arcs(trace["steps"]),
        "is_heat": is_heat,
    }


def find_siblings(frame: Frame, row: int) -> list[dict[str, Any]]:
    """The traces of the same question, this one among them, the most confident first."""
    question = frame.rows["question_hash"][row]
    rows = (frame.rows["question_hash"] == question).arg_true()[: MAX_SIBLINGS + 1]
    found = frame.rows[rows].sort(pl.col("confidence"), descending=True, nulls_last=True)
    return found.to_dicts()


def read_history(services: Services, viewer: Principal, trace_id: str) -> dict[str, Any]:
    """The events on a trace, the newest first, and what stands; others' are kept from who is still to judge blind."""
    with services.database.read() as connection:
        events = review_rows.list_events(connection, trace_id)
        is_blind = is_blind_for(connection, trace_id, viewer)
    if is_blind:
        events = [event for event in events if event.reviewer == viewer.name]
    active = find_active(events)
    states = [to_state(trace_id, standing) for standing in fold(events).values()]
    shown = [to_event(event, active) for event in reversed(events[-MAX_EVENTS:])]
    return {"events": shown, "states": states, "is_blind": is_blind, "hidden": max(0, len(events) - MAX_EVENTS)}


def _render_answer(site: Site, answer: str | None, budget: ProseBudget) -> Any:
    if answer is None:
        return None
    if "\\" in answer and len(answer) <= MAX_ANSWER_CHARS:
        made = site.prose.maths.render(answer.strip("$"), display=False)
        if made is not None:
            return made
    return site.prose.render(answer[:MAX_ANSWER_CHARS] + (" …" if len(answer) > MAX_ANSWER_CHARS else ""), budget)
