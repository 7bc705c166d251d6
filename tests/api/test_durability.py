"""Nothing acknowledged is lost: a server killed under load, replies that get lost, many reviewers at once."""

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import select

from tracewright.api.database import open_database
from tracewright.api.database.tables import REVIEWS, SLOTS

WRITERS = 6
REVIEWERS = 64
REVIEWING_SECONDS = float(os.environ.get("TRACEWRIGHT_REVIEWING_SECONDS", "60"))
"""How long 64 people review at once; the service is asked to bear ten minutes of it."""


@dataclass
class Log:
    """What was sent (by its comment) and what was acknowledged."""

    sent: list[str] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)


def write(server, token, ids, log, number):
    """Send reviews one after the other; one whose reply is lost is sent again, until it is acknowledged."""
    rng, client = random.Random(number), httpx.Client(base_url=server.url, timeout=30)
    client.headers["Authorization"] = f"Bearer {token}"
    count = 0
    while not log.stop.is_set():
        name, count = f"{number}-{count}", count + 1
        body = {"events": [{"comment": name, "decision": rng.choice(["accept", "reject"])}]}
        log.sent.append(name)
        path = f"/v1/traces/{rng.choice(ids)}/reviews"
        while not log.stop.is_set():
            try:
                response = client.post(path, json=body, headers={"Idempotency-Key": name})
            except httpx.TransportError:
                log.stop.wait(0.05)
                continue
            log.statuses[response.status_code] += 1
            if response.status_code == 201:
                log.acknowledged[name] = response.json()["events"][0]["review_id"]
                break
            log.stop.wait(0.05)


def read_ids(server, token):
    headers = {"Authorization": f"Bearer {token}"}
    page = httpx.get(f"{server.url}/v1/traces", params={"limit": 100}, headers=headers).json()
    return [row["trace_id"] for row in page["items"]]


def read_reviews(server):
    database = open_database(server.database_url)
    with database.read() as connection:
        rows = connection.execute(select(REVIEWS.c.comment, REVIEWS.c.review_id)).all()
    database.close()
    return rows


@pytest.mark.parametrize("kills", [
    1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)]),
    pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(7_200)]),
])  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_acknowledged_is_there_after_every_kill(server, add_users, kills):
    tokens, log, rng = add_users(WRITERS), Log(), random.Random(kills)
    ids = read_ids(server.start(), tokens["carl"])
    writers = [
        threading.Thread(target=write, args=(server, tokens[f"reviewer{number}"], ids, log, number))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        for kill in range(kills):
            enough = len(log.acknowledged) + rng.randrange(1, 40)
            deadline = time.monotonic() + 60
            while len(log.acknowledged) < enough and time.monotonic() < deadline:
                log.stop.wait(0.002)
            server.end(signal.SIGKILL)
            found = {review_id for _, review_id in read_reviews(server)}
            assert set(log.acknowledged.values()) <= found, f"lost after kill {kill}"
            server.start()
    finally:
        log.stop.set()
        for writer in writers:
            writer.join()
    server.end()
    stored = Counter(name for name, _ in read_reviews(server))
    assert set(log.acknowledged) <= set(stored) <= set(log.sent)
    assert max(stored.values()) == 1, "a repeated request counted twice"
    assert set(log.statuses) <= {201, 503} and len(log.acknowledged) >= kills


def review(server, token, log, number, slots):
    """A reviewer's day: claim, sometimes give back or renew, submit, sometimes undo."""
    rng, client = random.Random(number), httpx.Client(base_url=server.url, timeout=60)
    client.headers["Authorization"] = f"Bearer {token}"

    def post(path, body, **headers):
        response = client.post(path, json=body, headers=headers)
        log.statuses[response.status_code] += 1
        return response

    while not log.stop.is_set():
        claimed = post("/v1/queues/many/claims", {}, **{"Idempotency-Key": f"{rng.getrandbits(60):x}"})
        lease = claimed.json().get("lease") if claimed.status_code == 200 else None
        if lease is None:
            log.stop.wait(0.05)
            continue
        chance, fence = rng.random(), {"fence": lease["fence"]}
        if chance < 0.1:
            post(f"/v1/queues/many/leases/{lease['slot']}/{rng.choice(['release', 'renewal'])}", fence)
        if chance < 0.05:
            continue
        name = f"{number}-{lease['slot']}-{lease['fence']}"
        events = [{"decision": rng.choice(["accept", "reject", "unsure"]), "comment": name}]
        body = {"events": events, "lease": {"slot": lease["slot"], "fence": lease["fence"]}}
        log.sent.append(name)
        stored = post(f"/v1/traces/{lease['trace_id']}/reviews", body, **{"Idempotency-Key": name})
        if stored.status_code == 201:
            event = stored.json()["events"][0]
            log.acknowledged[name] = event["review_id"]
            slots.append((lease["slot"], lease["trace_id"], number))
            if chance > 0.95:
                post(f"/v1/reviews/{event['review_id']}/undo", None, **{"If-Match": stored.headers["ETag"]})


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_sixty_four_people_at_once_lose_nothing_and_share_no_trace_too_often(server, add_users, make_many):
    tokens, log, slots = add_users(REVIEWERS), Log(), []
    make_many(server.store, 4_000)
    server.start()
    carl = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {tokens['carl']}"}, timeout=120)
    assert carl.put("/v1/slices/many", json={"where": "tokens >= 0"}).status_code == 200
    queue = {"name": "many", "slice": "many", "reviewers_per_trace": 3, "lease_seconds": 10}
    assert carl.post("/v1/queues", json=queue).status_code == 201
    people = [
        threading.Thread(target=review, args=(server, tokens[f"reviewer{number}"], log, number, slots))
        for number in range(REVIEWERS)
    ]
    for one in people:
        one.start()
    log.stop.wait(REVIEWING_SECONDS)
    log.stop.set()
    for one in people:
        one.join()
    assert server.end() == 0
    found = {review_id for _, review_id in read_reviews(server)}
    print(f"{len(log.acknowledged)} submits, answers {dict(log.statuses)}")
    assert not [status for status in log.statuses if status >= 500]
    assert set(log.acknowledged.values()) <= found
    assert len({slot for slot, _, _ in slots}) == len(slots), "a slot was submitted twice"
    people_of = Counter(trace_id for _, trace_id, _ in slots)
    assert max(people_of.values()) <= 3
    assert len({(trace_id, who) for _, trace_id, who in slots}) == len(slots), "one person had a trace twice"
    database = open_database(server.database_url)
    with database.read() as connection:
        submitted = connection.execute(select(SLOTS.c.id).where(SLOTS.c.submitted_at.is_not(None))).all()
    database.close()
    assert {row.id for row in submitted} == {slot for slot, _, _ in slots}


def test_requests_under_way_are_finished_when_the_server_is_told_to_stop(server, add_users):
    tokens = add_users(1)
    server.start()
    headers = {"Authorization": f"Bearer {tokens['carl']}"}
    httpx.put(f"{server.url}/v1/slices/all", json={"where": "tokens >= 0"}, headers=headers)
    with httpx.stream("GET", f"{server.url}/v1/slices/all/export", headers=headers, timeout=30) as sent:
        lines = sent.iter_lines()
        first = next(lines)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert len([first, *rest]) == 60
    assert server.process.wait(30) == 0
