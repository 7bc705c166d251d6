"""The page in a real browser: nothing runs, nothing is loaded, and nothing sticks out at any width."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.browser
WIDTHS = (1280, 820, 390)


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing = "no Chromium on this machine: `make browser` installs one"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_quiet_and_fits(browser, page, tmp_path, scheme):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    tab = browser.new_page(color_scheme=scheme)
    noise: list[str] = []
    tab.on("dialog", lambda dialog: (noise.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("console", lambda message: noise.append(f"console {message.text}"))
    tab.on("pageerror", lambda error: noise.append(f"error {error}"))
    tab.on("request", lambda request: noise.append(request.url) if request.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert noise == []
    assert tab.evaluate("document.scripts.length") == 0
    tab.close()


def test_the_scheme_changes_the_drawings(browser, whole_page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(whole_page, encoding="utf-8")
    seen = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(path.as_uri())
        mark = '.chart svg [fill="var(--right)"]'
        seen.add(page.eval_on_selector(mark, "mark => getComputedStyle(mark).fill"))
        page.close()
    assert seen == {"rgb(8, 110, 105)", "rgb(79, 199, 189)"}
