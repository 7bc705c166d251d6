"""A state machine of claims, expiries, submits, undos and crashes against a model of what a queue promises.

`TRACEWRIGHT_MACHINE_RUNS` says how many runs the slow test makes: 5,000 where it is not set.
"""

import asyncio
import os
from dataclasses import replace
from itertools import count

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import event, select

from tracewright.api.app import create_app, open_services
from tracewright.api.database.tables import REVIEWS, SLOTS
from tracewright.api.queues.repository import find_queue

PEOPLE = ("carl", "rita", "rolf")
TRACES, WANTED, LEASE_SECONDS = 3, 2, 60
MANY_RUNS = int(os.environ.get("TRACEWRIGHT_MACHINE_RUNS", "5000"))
_numbers = count(1)


class CrashError(Exception):
    """The process died before the transaction was committed."""


class Wire:
    """Sends requests straight into the application: thousands of runs have no time for sockets or the disk's sync."""

    def __init__(self, service):
        self.service, self.services = service, service.services
        self.clock, self.loop = service.clock, asyncio.new_event_loop()
        self.open(self.services)

    def open(self, services):
        event.listen(services.database.engine, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
        services.database.engine.dispose()
        self.app = create_app(services, background=False)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://testserver")

    def restart(self):
        """Another process on the same database: nothing is known but what is on the disk."""
        old = self.services
        old.database.close()
        self.services = replace(open_services(old.settings), clock=self.clock)
        self.services.feed._frame = old.feed.frame
        self.services.feed.refresh_reviews()
        self.open(self.services)

    def request(self, who, method, path, body=None, **headers):
        token = {"Authorization": f"Bearer {self.service.tokens[who]}"}
        return self.loop.run_until_complete(self.client.request(method, path, json=body, headers=headers | token))


def make_machine(wire, ids):
    class Machine(RuleBasedStateMachine):
        """One queue of three traces that asks for two people each; every run has a queue of its own."""

        def __init__(self):
            super().__init__()
            self.queue = f"m{next(_numbers)}"
            new = {"name": self.queue, "slice": "three", "reviewers_per_trace": WANTED, "adjudicates": False}
            made = wire.request("carl", "POST", "/v1/queues", new | {"lease_seconds": LEASE_SECONDS})
            assert made.status_code == 201, made.text
            self.leases = []  # who, lease, until when
            self.done = []  # slot, trace, who
            self.events = {}  # review id → its etag, who
            self.undone = set()
            self.number, self.drawn = find_number(wire, self.queue), count()

        def post(self, who, path, body, key=None, **headers):
            """Send a request as a client does that never gives up: after a crash or a lost reply, again."""
            headers |= {"Idempotency-Key": key or f"{self.queue}-{next(self.drawn)}"}
            return wire.request(who, "POST", path, body, **headers)

        @rule(who=st.sampled_from(PEOPLE), crash=st.sampled_from(["none", "none", "before", "after"]))
        def claim(self, who, crash):
            answer = self.send(crash, who, f"/v1/queues/{self.queue}/claims", {})
            assert answer.status_code == 200, answer.text
            lease, now = answer.json()["lease"], wire.clock.now
            theirs = {trace for _, trace, one in self.done if one == who}
            theirs |= {one["trace_id"] for name, one, until in self.leases if name == who and until > now}
            if lease is None:
                free = [trace for trace in ids if trace not in theirs and self.taken(trace) < WANTED]
                assert not free, f"{who} could have had one of {free}"
                return
            assert lease["trace_id"] not in theirs, "one person has a trace twice"
            assert self.taken(lease["trace_id"]) < WANTED, "more people than asked for"
            assert lease["slot"] not in self.held(), "somebody holds it still"
            self.leases.append((who, lease, now + LEASE_SECONDS))

        @precondition(lambda self: self.leases)
        @rule(pick=st.integers(0, 9), crash=st.sampled_from(["none", "none", "before", "after"]))
        def submit(self, pick, crash):
            who, lease, _ = self.leases[pick % len(self.leases)]
            body = {"events": [{"decision": "accept"}], "lease": {"slot": lease["slot"], "fence": lease["fence"]}}
            answer = self.send(crash, who, f"/v1/traces/{lease['trace_id']}/reviews", body)
            submitted = {slot for slot, _, _ in self.done}
            newest = max(one["fence"] for _, one, _ in self.leases if one["slot"] == lease["slot"])
            may = lease["fence"] == newest and lease["slot"] not in submitted
            assert answer.status_code == (201 if may else 409), answer.text
            if may:
                self.done.append((lease["slot"], lease["trace_id"], who))
                self.events[answer.json()["events"][0]["review_id"]] = (lease["trace_id"], who)

        @precondition(lambda self: self.leases)
        @rule(pick=st.integers(0, 9))
        def give_back(self, pick):
            place = pick % len(self.leases)
            who, lease, until = self.leases[place]
            path = f"/v1/queues/{self.queue}/leases/{lease['slot']}/release"
            answer = self.post(who, path, {"fence": lease["fence"]})
            if answer.status_code == 200:
                self.leases[place] = (who, lease, min(until, wire.clock.now))

        @rule(seconds=st.sampled_from([1, 30, LEASE_SECONDS + 1]))
        def time_passes(self, seconds):
            wire.clock.now += seconds

        @precondition(lambda self: self.events)
        @rule(pick=st.integers(0, 9), crash=st.sampled_from(["none", "before", "after"]))
        def undo(self, pick, crash):
            review_id = sorted(self.events)[pick % len(self.events)]
            trace_id, who = self.events[review_id]
            tag = wire.request(who, "GET", f"/v1/traces/{trace_id}/review").headers["ETag"]
            answer = self.send(crash, who, f"/v1/reviews/{review_id}/undo", None, **{"If-Match": tag})
            assert answer.status_code == (409 if review_id in self.undone else 201), answer.text
            self.undone.add(review_id)

        @rule(chance=st.integers(0, 9))
        def restart(self, chance):
            if chance == 0:
                wire.restart()

        @invariant()
        def what_was_acknowledged_is_there(self):
            with wire.services.database.read() as connection:
                slots = connection.execute(
                    select(SLOTS.c.id).where(SLOTS.c.queue_id == self.number, SLOTS.c.submitted_at.is_not(None))
                )
                assert {row.id for row in slots} == {slot for slot, _, _ in self.done}
                if self.events:
                    known = select(REVIEWS.c.review_id).where(REVIEWS.c.review_id.in_(self.events))
                    assert len(connection.execute(known).all()) == len(self.events)
                    undos = select(REVIEWS.c.undoes).where(REVIEWS.c.undoes.in_(self.events))
                    assert sorted(row.undoes for row in connection.execute(undos)) == sorted(self.undone)

        def taken(self, trace_id):
            """How many people have handed a trace in or hold it now."""
            slots = {one["slot"] for _, one, _ in self.leases if one["trace_id"] == trace_id}
            return len(slots & (self.held() | {slot for slot, _, _ in self.done}))

        def held(self):
            """The slots of leases that are not over."""
            return {one["slot"] for _, one, until in self.leases if until > wire.clock.now}

        def send(self, crash, who, path, body, **headers):
            """A request that crashes before its commit, or whose reply is lost, is sent again with its key."""
            key = f"{self.queue}-{next(self.drawn)}"
            if crash == "before":
                with dying(wire.services.database.engine):
                    assert self.post(who, path, body, key, **headers).status_code in (500, 409)
            elif crash == "after":
                self.post(who, path, body, key, **headers)
            return self.post(who, path, body, key, **headers)

    return Machine


def find_number(wire, name):
    with wire.services.database.read() as connection:
        return find_queue(connection, name).id


class dying:  # noqa: N801 - read as a statement
    """While it lasts, no write reaches its commit."""

    def __init__(self, engine):
        self.engine = engine

    def __enter__(self):
        event.listen(self.engine, "commit", self.die)

    def __exit__(self, *_):
        event.remove(self.engine, "commit", self.die)

    def die(self, connection):
        if connection.get_execution_options().get("tracewright_writes"):
            raise CrashError


def run(service, examples):
    ids = sorted(service.ids(where="tokens in [7, 14, 21]"))[:TRACES]
    wire = Wire(service)
    where = f"trace_id in {ids}".replace("'", '"')
    assert wire.request("carl", "PUT", "/v1/slices/three", {"where": where}).status_code == 200
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None, "derandomize": True}
    chosen = settings(max_examples=examples, stateful_step_count=12, phases=[Phase.generate, Phase.shrink], **quiet)
    run_state_machine_as_test(make_machine(wire, ids), settings=chosen)
    wire.services.database.close()
    wire.loop.close()


@pytest.fixture
def patient(serve_for):
    """A service whose limits do not end the runs."""
    (service,) = serve_for(requests_per_second=1e6, request_burst=1_000_000)
    return service


def test_a_queue_keeps_its_promises_through_crashes(patient):
    run(patient, 5)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_a_queue_keeps_its_promises_through_thousands_of_runs(patient):
    run(patient, MANY_RUNS)
