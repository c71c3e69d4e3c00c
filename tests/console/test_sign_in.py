"""Who gets in, who stays in, and what becomes of a form when a session ends."""

import httpx
import pytest
from playwright.sync_api import expect
from redis import Redis

from api.identity.logins import _place
from tests.support.console import Console
from tests.support.stack import PASSWORD, USERNAME, Stack

MINE = "a sentence of my own"


@pytest.fixture
def console(fresh: Console, client: httpx.Client) -> Console:
    """A tab of somebody whose sessions a test may end."""
    client.post("/admin/users", json={"username": "lovelace", "password": MINE})
    fresh.sign_in("lovelace", MINE)
    return fresh


def test_a_wrong_password_is_told_at_the_form_and_a_right_one_goes_on(fresh: Console) -> None:
    fresh.page.goto(fresh.base_url)
    fresh.fill_in(USERNAME, "not it")
    expect(fresh.page.get_by_role("alert")).to_contain_text("do not belong together")

    fresh.fill_in(USERNAME, PASSWORD)
    expect(fresh.page.get_by_role("heading", name="Explain", level=1)).to_be_visible()


def test_what_is_missing_is_told_before_anything_is_sent(fresh: Console) -> None:
    fresh.page.goto(fresh.base_url)
    fresh.page.get_by_role("button", name="Sign in").click()

    expect(fresh.page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
    expect(fresh.page.get_by_label("Username")).to_be_focused()
    assert [url for url in fresh.requested if "/auth/" in url] == []


def test_too_many_tries_are_told_with_the_time_to_wait(fresh: Console, stack: Stack) -> None:
    # Given a name that was guessed at until it became slow, for longer than a browser needs
    guess = {"username": "mallory", "password": "guess"}
    with stack.client() as client, Redis.from_url(stack.valkey.url) as redis:
        while client.post("/auth/login", json=guess).status_code == 401:
            pass
        seconds, _ = redis.time()
        redis.hset(_place("mallory", "127.0.0.1"), "next_ms", (seconds + 60) * 1000)
    fresh.page.goto(fresh.base_url)
    fresh.fill_in("mallory", "guess")

    expect(fresh.page.get_by_role("alert")).to_contain_text("Too many tries. Wait ")


def test_the_default_password_is_pointed_out_wherever_one_goes(fresh: Console) -> None:
    fresh.sign_in()
    warning = fresh.page.get_by_text("password of a fresh installation")
    expect(warning).to_be_visible()
    fresh.page.reload()
    expect(warning).to_be_visible()


def test_a_password_is_changed_and_a_wrong_one_is_told_at_its_field(
    console: Console, client: httpx.Client
) -> None:
    expect(console.page.get_by_text("password of a fresh installation")).to_be_hidden()
    client.post("/admin/users", json={"username": "ada", "password": "a first sentence"})
    console.page.get_by_role("button", name="Sign out").click()
    console.fill_in("ada", "a first sentence")
    console.go("account")
    console.page.get_by_label("Current password").fill("not mine")
    console.page.get_by_label("New password").fill("a second sentence")
    console.page.get_by_role("button", name="Change the password").click()
    expect(console.page.get_by_text("This is not your password.")).to_be_visible()
    console.page.get_by_label("Current password").fill("a first sentence")
    console.page.get_by_role("button", name="Change the password").click()
    expect(console.page.get_by_text("Your other sessions have ended")).to_be_visible()


def test_an_expired_token_is_renewed_in_silence(console: Console) -> None:
    before = console.stored(until=0)
    console.generate("still me", max_tokens="4")

    console.comes_to("completed")
    assert console.stored()["refresh"] != before["refresh"]
    assert console.page.get_by_role("dialog").count() == 0


def test_two_tabs_that_renew_at_once_stay_signed_in(console: Console) -> None:
    other = console.page.context.new_page()
    other.goto(f"{console.base_url}/#/jobs")
    other.get_by_role("heading", name="Jobs").wait_for()
    console.stored(access="x.y.z")
    console.page.goto(f"{console.base_url}/#/queues")
    other.goto(f"{console.base_url}/#/account")

    expect(other.get_by_text("This month")).to_be_visible()
    expect(console.page.get_by_text("Waiting by priority")).to_be_visible()
    console.go("account")
    expect(console.page.get_by_label("Current password")).to_be_visible()
    assert console.page.get_by_role("dialog").count() == other.get_by_role("dialog").count() == 0


def test_a_session_that_ended_asks_over_the_form_and_sends_what_was_written(
    console: Console, stack: Stack
) -> None:
    console.go("generate")
    console.page.get_by_label("Prompt", exact=True).fill("written before the session ended")
    console.page.locator("[name=max_tokens]").fill("5")
    with stack.login("lovelace", MINE) as elsewhere:
        elsewhere.post("/auth/logout", json={"everywhere": True})
    console.page.get_by_role("button", name="Generate").click()

    asked = console.page.get_by_role("dialog", name="Your session has ended")
    expect(asked).to_be_visible()
    expect(asked.get_by_label("Username")).to_have_value("lovelace")
    asked.get_by_label("Password").fill(MINE)
    asked.get_by_role("button", name="Sign in").click()

    expect(asked).to_be_hidden()
    expect(console.page.get_by_label("Prompt", exact=True)).to_have_value(
        "written before the session ended"
    )
    console.comes_to("completed")


def test_who_signs_out_leaves_nothing_behind(console: Console, stack: Stack) -> None:
    tokens = console.stored()
    console.page.get_by_role("button", name="Sign out").click()

    expect(console.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert console.page.evaluate("localStorage.length") == 0
    refused = httpx.get(
        f"{stack.base_url}/jobs", headers={"Authorization": f"Bearer {tokens['access']}"}
    )
    assert refused.status_code == 401


def test_who_leaves_in_one_tab_has_left_in_all(console: Console) -> None:
    with console.another_tab() as other:
        other.go("generate")
        console.page.get_by_role("button", name="Sign out").click()
        expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
        assert other.complaints == []
