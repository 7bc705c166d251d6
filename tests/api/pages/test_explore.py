"""Finding traces: what is clicked is in the filter, what is typed is completed, all of it is in the address."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

pytestmark = pytest.mark.browser


def asked(page, name="where"):
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def await_total(page, text):
    page.locator(".summary b").get_by_text(text, exact=True).wait_for()


def test_a_facet_narrows_the_list_and_its_count_is_the_lists(live):
    visitor = live.visit("vera")
    page = visitor.go("/explore")
    await_total(page, "60")
    value = page.locator("section.facet", has_text="Outcome").get_by_role("link", name="incorrect")
    count = value.locator(".n").inner_text()
    value.click()
    await_total(page, count)
    assert asked(page) == 'outcome == "incorrect"'
    assert page.get_by_role("combobox", name="Filter").input_value() == 'outcome == "incorrect"'
    page.locator("section.facet", has_text="Domain").get_by_role("link", name="algebra").click()
    await_total(page, "10")
    assert asked(page) == 'outcome == "incorrect" and domain == "algebra"'
    page.go_back()
    await_total(page, count)
    page.get_by_role("link", name="clear Outcome").click()
    await_total(page, "60")
    assert visitor.noise == [] and visitor.violations() == []


def test_a_page_that_looks_for_news_does_not_overtake_what_is_clicked(live):
    page = live.visit("vera").go("/sign-in")

    def add_news(route):
        reply = route.fetch()
        route.fulfill(response=reply, body=reply.text().replace("<table", '<span data-live="50"></span><table', 1))

    def answer_late(route):
        page.wait_for_timeout(600)
        route.continue_()

    page.route("**/explore", add_news)
    page.route("**/explore?where=*", answer_late)
    page.goto(f"{live.origin}/explore")
    await_total(page, "60")
    page.locator("section.facet", has_text="Outcome").get_by_role("link", name="incorrect").click()
    await_total(page, "20")
    assert asked(page) == 'outcome == "incorrect"'


def test_a_bar_of_a_histogram_is_a_range_and_so_are_its_ends(live):
    page = live.visit("vera").go("/explore")
    page.locator("svg.bars[data-column=level] a").nth(2).click()
    await_total(page, "12")
    assert asked(page) == "level == 2"
    page.get_by_label("Confidence from").fill("0.5")
    page.get_by_label("Confidence from").press("Enter")
    page.locator(".summary b").get_by_text("10", exact=True).wait_for()
    assert asked(page) == "level == 2 and confidence >= 0.5"


def test_a_bar_says_what_it_counts_where_one_points(live):
    page = live.visit("vera").go("/explore")
    bar = page.locator("svg.bars[data-column=level] a").nth(2)
    said = page.locator("svg.bars[data-column=level] text", has_text="2: 12")
    assert not said.is_visible()
    bar.hover()
    assert said.is_visible()


def test_a_list_is_searched_filtered_and_walked_with_keys(live):
    page = live.visit("vera").go("/explore")
    focused = "document.activeElement.name"
    page.keyboard.press("/")
    assert page.evaluate(focused) == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    assert page.evaluate(focused) == "where"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_filter_is_completed_as_one_types_and_applied_once_it_is_whole(live):
    visitor = live.visit("vera")
    page = visitor.go("/explore")
    box = page.get_by_role("combobox", name="Filter")
    box.press_sequentially("outc")
    page.get_by_role("option", name="outcome").wait_for()
    for suggestion in ("outcome", "==", '"incorrect"'):
        page.locator("#suggestions li", has_text=suggestion).first.wait_for()
        page.keyboard.press("ArrowDown")
        while suggestion not in page.locator("#suggestions [aria-selected=true]").inner_text():
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    await_total(page, "20")
    assert asked(page).strip() == 'outcome == "incorrect"'
    assert box.evaluate("box => box === document.activeElement")
    assert visitor.noise == []


def test_a_wrong_filter_says_where_it_is_wrong(live):
    page = live.visit("vera").go("/explore")
    page.get_by_role("combobox", name="Filter").fill("confidence = 1")
    page.get_by_role("button", name="Show").click()
    said = page.get_by_role("alert")
    assert "write `==` to compare" in said.inner_text() and "^" in said.inner_text()
    box = page.get_by_role("combobox", name="Filter")
    assert box.get_attribute("aria-invalid") == "true"
    page.reload()
    assert box.get_attribute("aria-invalid") == "true"
    box.fill("confidence == 1")
    page.locator(".summary").wait_for()
    assert box.get_attribute("aria-invalid") is None


def test_what_is_asked_for_is_shown_however_long_it_takes(live):
    """What is still being typed is asked for after a while too, and must not take its place."""
    visitor, held = live.visit("vera"), []
    visitor.page.clock.install()
    page = visitor.go("/explore")
    page.route("**/explore?where=**", lambda route: held.append(route) if not held else route.continue_())
    box = page.get_by_role("combobox", name="Filter")
    box.fill("confidence = 2")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show").click()
    page.clock.run_for(1_000)
    held[0].continue_()
    page.get_by_role("alert").wait_for()
    assert asked(page) == "confidence = 2"


def test_search_finds_words_of_the_reasoning(live):
    page = live.visit("vera").go("/explore")
    page.wait_for_function(
        "async () => (await (await fetch('/v1/traces?search=%22step%200%20of%2017%22')).json()).total === 1"
    )
    page.get_by_label("Search").fill('"step 0 of 17"')
    await_total(page, "1")
    assert asked(page, "search") == '"step 0 of 17"'


def test_rows_are_sorted_by_their_headers(live):
    page = live.visit("vera").go("/explore")
    for direction, key in (("descending", min), ("ascending", max)):
        page.get_by_role("link", name="Tokens").click()
        page.locator(f"th[aria-sort={direction}]", has_text="Tokens").wait_for()
        shown = [one.replace("—", "0") for one in page.locator("tbody td:nth-of-type(5)").all_inner_texts()]
        numbers = [int(one) for one in shown]
        assert numbers == sorted(numbers, reverse=direction == "descending"), key


def test_paging_shows_every_trace_once(live):
    page = live.visit("vera").go("/explore")
    read = "[...document.querySelectorAll('[data-row] th a')].map((link) => link.getAttribute('href'))"
    first = page.evaluate(read)
    page.get_by_role("link", name="Next", exact=True).click()
    page.get_by_text("further on").wait_for()
    rest = page.evaluate(read)
    assert (len(first), len(rest), len({*first, *rest})) == (40, 20, 60)


def test_a_curator_saves_a_slice_and_judges_in_bulk_what_the_filter_finds(live):
    page = live.visit("carl").go("/explore?where=level%20%3D%3D%204")
    page.get_by_text("Act on these 12").click()
    page.get_by_label("Name").fill("level-four")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved as a slice.").wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("select[name=decision]").select_option("accept")
    page.get_by_role("button", name="Apply to 12").click()
    page.locator("section.facet", has_text="Decision").get_by_role("link", name="accept").wait_for()
    page.get_by_text("Act on these 12").click()
    page.get_by_role("button", name="Undo bulk event").click()
    page.get_by_text("Undone.").wait_for()
    headers = {"Authorization": f"Bearer {live.tokens['carl']}"}
    slices = httpx.get(live.origin + "/v1/slices", headers=headers).json()["items"]
    assert ("level-four", "level == 4") in [(one["name"], one["where"]) for one in slices]
    assert httpx.get(live.origin + "/v1/bulks", headers=headers).json()["items"][0]["undone_at"] is not None


def test_who_only_looks_is_offered_nothing_to_change(live):
    page = live.visit("vera").go("/explore")
    assert page.get_by_text("Act on").count() == 0
    assert page.get_by_role("link", name="Review", exact=True).count() == 0
    page.goto(live.origin + "/review")
    assert "This needs the role reviewer" in page.locator("main").inner_text()
