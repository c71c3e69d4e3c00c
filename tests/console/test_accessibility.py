"""Everybody can use it: axe finds nothing serious, keys suffice, a small screen suffices."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.console import Console, Theme
from tests.support.stack import Stack, finished

PAGES = (
    *("explain", "generate", "jobs", "queues", "webhooks"),
    *("admin/users", "admin/model", "admin/dead", "admin/usage", "account"),
)


@pytest.fixture(scope="module")
def job(stack: Stack) -> Iterator[dict[str, Any]]:
    """Something to look at."""
    with stack.login() as client:
        body = {"prompt": "A caravan of llamas", "max_tokens": 20}
        yield finished(client, client.post("/generate", json=body).json())


def serious(page: Page, theme: Theme = "light") -> list[str]:
    """What axe calls serious or critical, as lines; a theme changes nothing but colours."""
    only = {"runOnly": ["color-contrast"]} if theme == "dark" else None
    found = Axe().run(page, options=only)
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_has_nothing_serious_against_any_page(
    browser: Browser, stack: Stack, job: dict[str, Any], theme: Theme
) -> None:
    with Console.opened(browser, stack.base_url, theme) as console:
        console.page.goto(stack.base_url)
        console.page.get_by_label("Username").wait_for()
        assert serious(console.page, theme) == []
        console.sign_in()
        for address in (*PAGES, f"jobs/{job['id']}"):
            console.go(address)
            assert serious(console.page, theme) == [], address
        console.go("webhooks")
        console.page.get_by_role("button", name="Add an endpoint").click()
        assert serious(console.page, theme) == []


def test_axe_would_see_a_fault(console: Console) -> None:
    console.page.evaluate("document.querySelector('label').remove()")
    assert any("label" in line for line in serious(console.page))


def test_every_page_fits_a_screen_of_360_pixels(
    browser: Browser, stack: Stack, job: dict[str, Any]
) -> None:
    with Console.opened(browser, stack.base_url, width=360) as console:
        console.sign_in()
        for address in (*PAGES, f"jobs/{job['id']}"):
            console.go(address)
            width = console.page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, address
        console.page.get_by_role("button", name="Menu").click()
        console.page.get_by_role("link", name="Jobs", exact=True).click()
        expect(console.page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
        expect(console.page.get_by_role("link", name="Account")).to_be_hidden()


def test_keys_suffice_from_sign_in_to_an_answer(fresh: Console, client: httpx.Client) -> None:
    keyboard = fresh.page.keyboard
    fresh.page.goto(fresh.base_url)
    fresh.page.get_by_label("Username").wait_for()
    keyboard.type("admin")
    keyboard.press("Tab")
    keyboard.type("admin123")
    keyboard.press("Enter")
    heading = fresh.page.get_by_role("heading", name="Explain", level=1)
    expect(heading).to_be_focused()
    fresh.page.reload()
    heading.wait_for()
    keyboard.press("Tab")
    expect(fresh.page.get_by_text("Skip to the page")).to_be_focused()
    keyboard.press("Enter")
    expect(fresh.page.get_by_role("main")).to_be_focused()
    for _ in range(60):
        keyboard.press("Tab")
        if fresh.page.evaluate("document.activeElement.matches('form button.main')"):
            break
    keyboard.press("Enter")
    expect(fresh.page.get_by_role("log")).to_contain_text("financial analyst")
    fresh.job().get_by_role("button", name="Cancel").press("Enter")
    fresh.comes_to("cancelled")


def test_the_theme_that_was_chosen_is_there_from_the_first_paint(console: Console) -> None:
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = console.page.evaluate(background)
    console.page.get_by_label("Theme").select_option("dark")
    dark = console.page.evaluate(background)
    console.page.reload()

    assert console.page.evaluate(background) == dark != light
    expect(console.page.get_by_label("Theme")).to_have_value("dark")


def test_a_stream_is_a_log_that_is_busy_while_it_is_written(console: Console) -> None:
    console.generate("read aloud", max_tokens="100")
    log = console.page.get_by_role("log")
    expect(log).to_have_attribute("aria-busy", "true")
    console.job().get_by_role("button", name="Cancel").click()
    expect(log).to_have_attribute("aria-busy", "false")
    expect(console.job().get_by_role("status")).to_have_text("cancelled")
