"""The pages in a headless browser, on a service that listens on loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tracewright.api.app import create_app, open_services
from tracewright.api.http.access import SESSION_COOKIE
from tracewright.api.runs.service import RunClient
from tracewright.api.services import Services
from tracewright.api.settings import ServiceSettings
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token
from tracewright.pipeline.store import Store
from tracewright.schemas import (
    CheckOutcome,
    Image,
    Outcome,
    Problem,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
)

USERS = {"ann": Role.ADMIN, "carl": Role.CURATOR, "rita": Role.REVIEWER, "rolf": Role.REVIEWER, "vera": Role.VIEWER}
WATCH = """
window.__broken = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Visitor:
    """Somebody signed in, in a browser of their own; `noise` is what should not have been heard."""

    page: Page
    context: BrowserContext
    origin: str
    noise: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """The page at a path, once its module has begun."""
        self.page.goto(self.origin + path)
        return self.page

    def violations(self) -> list[str]:
        """What the content security policy stopped on this page."""
        return self.page.evaluate("window.__broken")


@dataclass
class Live:
    """A service that browsers reach."""

    services: Services
    origin: str
    tokens: dict[str, str]
    browser: Browser
    visitors: list[BrowserContext] = field(default_factory=list)

    def visit(self, name: str | None, scheme: str = "light", width: int = 1280) -> Visitor:
        """A new browser profile, signed in."""
        context = self.browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # pyright: ignore
        context.add_init_script(WATCH)
        context.set_default_timeout(15_000)
        self.visitors.append(context)
        visitor = Visitor(context.new_page(), context, self.origin)
        _listen(visitor)
        if name is not None:
            began = httpx.post(f"{self.origin}/v1/sessions", json={"token": self.tokens[name]})
            cookie = {"name": SESSION_COOKIE, "value": began.cookies[SESSION_COOKIE], "url": self.origin}
            context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
        return visitor


def _listen(visitor: Visitor) -> None:
    page, noise = visitor.page, visitor.noise
    page.on("pageerror", lambda error: noise.append(f"error {error}"))
    page.on("console", lambda said: noise.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: _check_address(visitor, asked.url))


def _check_address(visitor: Visitor, url: str) -> None:
    if not url.startswith((visitor.origin, "data:")):
        visitor.noise.append(f"asked for {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium. Not for the whole session: while Playwright runs, this thread can't run a loop of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing = "no Chromium on this machine: `make browser` installs one"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def make_live(browser: Browser) -> Iterator[Any]:
    """A function that serves a store to browsers."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(store: Path, **other: Any) -> Live:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = ServiceSettings(
            store=store, port=port, poll_seconds=0.3, requests_per_second=2_000, request_burst=2_000
        )
        services = replace(open_services(settings), **other)
        services.feed.refresh()
        now = services.now()
        tokens = {name: add_user_with_token(services.database, name, role, now) for name, role in USERS.items()}
        server = uvicorn.Server(uvicorn.Config(create_app(services), port=port, log_level="critical", log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.02)
        running.append((server, thread))
        return Live(services, f"http://127.0.0.1:{port}", tokens, browser)

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def live(make_live: Any, filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The store of 60 traces, served for one file of tests."""
    copy = tmp_path_factory.mktemp("pages") / "store"
    shutil.copytree(filled_store, copy)
    served = make_live(copy)
    yield served
    for context in served.visitors:
        context.close()


class PlantedRuns(RunClient):
    """Runs as a Prefect server would tell of them."""

    def list_deployments(self):
        return [{"name": "generate/generate", "paused": False}]

    def list_runs(self):
        return [self.read_run(uuid4())]

    def read_run(self, run_id):
        now = datetime(2026, 1, 1, tzinfo=UTC)
        told = {
            "id": str(run_id),
            "name": "quiet-otter",
            "deployment": None,
            "state": "RUNNING",
            "state_name": "Running",
        }
        return told | {"message": None, "created_at": now, "started_at": now, "ended_at": None, "seconds": 75.0}

    def read_progress(self, run_ids):
        told = {"stage": "generate", "share": 0.25, "detail": "1,500 of 6,000, 92% correct", "left_seconds": 225.0}
        return {str(one): [told] for one in run_ids}

    def read_log(self, run_id, offset):
        lines = [
            {"at": datetime(2026, 1, 1, tzinfo=UTC), "level": 20, "message": f"{n} of 300 done"} for n in range(300)
        ]
        return lines[offset : offset + 200]


@pytest.fixture(scope="session")
def planted_runs() -> PlantedRuns:
    """Runs of no server."""
    return PlantedRuns("http://planted")


TEACHER = TeacherRef(
    model="planted", revision="1", dtype="f", tokenizer_hash="t", template_hash="p", sampling=Sampling(temperature=0.7)
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
DRAWING = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
FORMULA = (
    "\\begin{align}\n" + "\n".join(rf"x_{{{n}}} &= \frac{{{n}}}{{y^{{2}}}} \\" for n in range(40)) + "\n\\end{align}"
)


TOKENS = {
    "token_count": 3,
    "token_ids": (1, 2, 3),
    "token_ends": (6, 11, 15),
    "token_logprobs": (-0.01, -0.9, -4.0),
}


def make_trace(texts: list[str], number: int = 0, said: str = "r", **more: Any) -> Trace:
    """A trace of these steps."""
    facts = {"question": f"What is {number}?", "answer": "1", "source": "planted", "id": f"q{number}"}
    problem = Problem.model_validate(facts | more.pop("problem", {}))
    ends = [sum(map(len, texts[: place + 1])) for place in range(len(texts))]
    outcomes = [CheckOutcome.HOLDS, CheckOutcome.FAILS, CheckOutcome.UNCHECKED]
    steps = [
        Step(
            text=text,
            span=Span(start=end - len(text), end=end),
            confidence=round(1 / (1 + place % 5), 3),
            check=StepCheck(outcome=outcomes[place % 3], reason=said),
            depends_on=(place - 1, max(-1, place - 3)),
        )
        for place, (text, end) in enumerate(zip(texts, ends, strict=True))
    ]
    teacher = more.pop("teacher", TEACHER)
    whole = {
        "trace_id": make_trace_id(problem, teacher.fingerprint, more.get("sample", 0)),
        "problem": problem,
        "teacher": teacher,
        "sample": 0,
        "prompt": problem.question,
        "text": "".join(texts),
        "token_count": 0,
        "steps": tuple(steps),
        "answer": said[:200],
        "verdict": Verdict(outcome=Outcome.INCORRECT, method="exact", reason=said),
        "confidence": 0.5,
        "verifier_version": "1",
        "checker_version": "1",
        "engine": "planted",
        "created_at": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
    }
    return Trace.model_validate(whole | more)


def make_hostile(place: int, payloads: list[str]) -> Trace:
    """A trace with payloads wherever text can stand."""
    every, first = "\n".join(payloads), payloads[0]
    problem = {
        "question": every,
        "answer": first,
        "choices": tuple(payloads),
        "domain": first,
        "source": first,
        "license": first,
        "images": (Image(media_type=first, data=DRAWING), Image(media_type="image/png", data=PIXEL)),
        "id": f"{place}{first}",
    }
    teacher = TeacherRef.model_validate(
        TEACHER.model_dump(exclude={"fingerprint"}) | {"model": first, "revision": first}
    )
    metadata = {payload[:60]: payload for payload in payloads}
    texts = [payload + "\n" for payload in payloads]
    known = {"engine": first, "verifier_version": first[:60], "metadata": metadata, "teacher": teacher}
    return make_trace(texts, place, every, problem=problem, **known)


@pytest.fixture(scope="session")
def payloads() -> list[str]:
    """What strangers try."""
    return json.loads((Path(__file__).parent / "payloads.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def ugly_store(tmp_path_factory: pytest.TempPathFactory, payloads: list[str]) -> Path:
    """A store of traces that are hard to show. Not to be written to: copy it."""
    path = tmp_path_factory.mktemp("ugly") / "store"
    large, count = "many words of reasoning " * 2_100 + "\n", 12
    traces = [
        make_trace([large] * 40, 1),
        make_trace([f"step {n}: $x_{{{n}}}^2 + \\frac{{1}}{{{n + 1}}}$ \U0001f9ee\n" for n in range(500)], 2),
        make_trace(
            [
                "لنحسب مجموع العددين ٣ و ٤\n",
                "\u202eevil\u202c \U0001f468\u200d\U0001f469\u200d\U0001f467 \u200bzero\n",
                "####7",
            ],
            3,
        ),
        make_trace([f"So\n{FORMULA}\n", "and on", " and $\\sqrt{2}$"], 4, problem={"question": FORMULA}),
        make_trace(["w" * 5_000 + "\n", "x"], 5, problem={"question": "q" * 3_000, "answer": "a" * 900}),
        make_trace(["one"], 6, confidence=None),
        make_trace([], 7),
        make_trace(["sure, ", "less sure"], 9, **TOKENS),
        *(make_trace(["alike\n", "alike too\n", f"apart {n}"], 8, f"{n}", sample=n) for n in range(4)),
        *(make_hostile(100 + n, payloads[n::count]) for n in range(count)),
    ]
    store = Store.open(path, create=True)
    with store.writer() as writer:
        for trace in traces:
            writer.add_trace(trace)
    return path


@pytest.fixture(scope="module")
def ugly(
    make_live: Any, ugly_store: Path, planted_runs: PlantedRuns, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """The store of traces that are hard to show, served."""
    copy = tmp_path_factory.mktemp("ugly-pages") / "store"
    shutil.copytree(ugly_store, copy)
    served = make_live(copy, runs=planted_runs)
    yield served
    for context in served.visitors:
        context.close()
