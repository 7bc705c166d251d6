"""The pages in a headless browser, on a service that listens on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tracewright.api.app import create_app, open_services
from tracewright.api.services import Services
from tracewright.api.settings import ServiceSettings
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token

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
        """A new browser profile, signed in through the link that such a user is given."""
        context = self.browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # pyright: ignore
        context.add_init_script(WATCH)
        context.set_default_timeout(15_000)
        self.visitors.append(context)
        visitor = Visitor(context.new_page(), context, self.origin)
        _listen(visitor)
        if name is not None:
            visitor.page.goto(f"{self.origin}/sign-in?next=/people#token={self.tokens[name]}")
            visitor.page.wait_for_url(f"{self.origin}/people")
        return visitor


def _listen(visitor: Visitor) -> None:
    page, noise = visitor.page, visitor.noise
    page.on("pageerror", lambda error: noise.append(f"error {error}"))
    page.on("console", lambda said: noise.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: _check_address(visitor, asked.url))


def _check_address(visitor: Visitor, url: str) -> None:
    if not url.startswith((visitor.origin, "data:")):
        visitor.noise.append(f"asked for {url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing = "no Chromium on this machine: `make browser` installs one"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def make_live(browser: Browser) -> Iterator[Any]:
    """A function that serves a store to browsers."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(store: Path) -> Live:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = ServiceSettings(
            store=store, port=port, poll_seconds=0.3, requests_per_second=2_000, request_burst=2_000
        )
        services = open_services(settings)
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
