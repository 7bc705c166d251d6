"""The pages at 1,000,000 traces: what the server needs for each, and what somebody at the browser waits for.

`bench pages`. First bytes are measured in one process without a network (a page is sent whole, so its first byte leaves
when it is made); `…_cpu_ms` is processor time, which a busy machine does not change. Then headless Chromium: from
navigation until the module has begun, and from a decision's key until the next trace is painted.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright
from starlette.testclient import TestClient

from tracewright.api.app import create_app, open_services
from tracewright.api.services import Services
from tracewright.api.settings import ServiceSettings
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token

TRACES = 1_000_000
REQUESTS = 150
NAVIGATIONS = 15
DECISIONS = 40
_LIKE_ONE_ANOTHER = 2_000
"""Requests a second that the limit lets through: it is not what is measured here."""
_PAINTED = """
() => new Promise((done) => {
  const card = document.querySelector("[data-card]"), before = card.firstElementChild, began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true, cancelable: true }));
  const look = () => card.firstElementChild === before
    ? requestAnimationFrame(look)
    : requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  look();
})
"""


def run(seed: int = 0) -> dict[str, Any]:
    """Milliseconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        _load_api_bench()._build(store, seed, TRACES)
        return measure(store, seed)


def measure(store: Path, seed: int) -> dict[str, Any]:
    """The figures of a store."""
    limits = {"requests_per_second": _LIKE_ONE_ANOTHER, "request_burst": _LIKE_ONE_ANOTHER}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    services = open_services(ServiceSettings(store=store, port=port, **limits))
    services.feed.refresh()
    token = add_user_with_token(services.database, "bench", Role.ADMIN, services.now())
    figures: dict[str, Any] = {"traces": services.feed.frame.height}
    figures |= _measure_server(services, token, seed)
    return figures | _measure_browser(services, token, port, seed)


def _measure_server(services: Services, token: str, seed: int) -> dict[str, Any]:
    client = TestClient(create_app(services, background=False))
    client.headers.update({"Authorization": f"Bearer {token}", "Accept": "text/html"})
    draw, ids = random.Random(seed), services.feed.frame.rows["trace_id"]
    traces = [ids[draw.randrange(len(ids))] for _ in range(REQUESTS)]
    filters = [_draw_filter(draw) for _ in range(REQUESTS)]
    client.get("/explore")
    return {
        **_time(client, "explore", (f"/explore?{one}" for one in filters)),
        **_time(client, "trace", (f"/traces/{one}" for one in traces)),
        **_time(client, "steps", (f"/traces/{one}/steps" for one in reversed(traces))),
        "script_bytes": len(client.get("/static/pages.js").content),
        "style_bytes": len(client.get("/static/pages.css").content),
    }


def _draw_filter(draw: random.Random) -> str:
    low = draw.randrange(9_000)
    where = f"level == {draw.randrange(200)} or tokens between {low} and {low + 50}"
    return str(httpx.QueryParams({"where": where, "sort": draw.choice(["confidence", "-confidence", "tokens"])}))


def _time(client: TestClient, name: str, paths: Iterable[str]) -> dict[str, float]:
    wall, cpu, sizes = list[float](), list[float](), list[int]()
    for path in paths:
        began, used = time.perf_counter(), time.process_time()
        reply = client.get(path)
        cpu.append((time.process_time() - used) * 1_000)
        wall.append((time.perf_counter() - began) * 1_000)
        sizes.append(len(reply.content))
        reply.raise_for_status()
    return {
        f"{name}_ms": round(float(np.quantile(wall, 0.5)), 1),
        f"{name}_p99_ms": round(float(np.quantile(wall, 0.99)), 1),
        f"{name}_cpu_ms": round(float(np.quantile(cpu, 0.5)), 1),
        f"{name}_cpu_p99_ms": round(float(np.quantile(cpu, 0.99)), 1),
        f"{name}_bytes": max(sizes),
    }


def _measure_browser(services: Services, token: str, port: int, seed: int) -> dict[str, Any]:
    origin, ids = services.settings.origin, services.feed.frame.rows["trace_id"]
    draw = random.Random(seed + 1)
    server = uvicorn.Server(uvicorn.Config(create_app(services, background=False), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    try:
        _make_queue(origin, token)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_find_chromium(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{origin}/sign-in?next=/people#token={token}")
            page.wait_for_url(f"{origin}/people")
            usable = [_navigate(page, f"{origin}/traces/{ids[draw.randrange(len(ids))]}") for _ in range(NAVIGATIONS)]
            explored = [_navigate(page, f"{origin}/explore?where=level%20%3D%3D%20{n}") for n in range(NAVIGATIONS)]
            decided = _decide(page, f"{origin}/review/bench")
            browser.close()
    finally:
        server.should_exit = True
        thread.join(10)
    return {
        "trace_usable_ms": round(statistics.median(usable), 1),
        "explore_usable_ms": round(statistics.median(explored), 1),
        "decide_to_painted_ms": round(statistics.median(decided), 1),
        "decide_to_painted_p90_ms": round(float(np.quantile(decided, 0.9)), 1),
    }


def _navigate(page: Page, url: str) -> float:
    page.goto(url)
    return page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")


def _decide(page: Page, url: str) -> list[float]:
    page.goto(url)
    page.locator("[data-card] article").wait_for()
    found: list[float] = []
    for _ in range(DECISIONS):
        page.locator("[data-ahead='2']").wait_for()
        found.append(page.evaluate(_PAINTED))
    return found


def _make_queue(origin: str, token: str) -> None:
    with httpx.Client(base_url=origin, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        client.put("/v1/slices/bench", json={"where": "confidence < 0.001"}).raise_for_status()
        made = client.post("/v1/queues", json={"name": "bench", "slice": "bench"}, headers={"Idempotency-Key": "bench"})
        made.raise_for_status()


def _find_chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("no Chromium on this machine: `make browser` installs one")
    return found


def _load_api_bench() -> Any:
    spec = importlib.util.spec_from_file_location("tracewright_bench_api", Path(__file__).parent / "api.py")
    if spec is None or spec.loader is None:
        raise SystemExit("benchmarks/api.py is not beside this file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
