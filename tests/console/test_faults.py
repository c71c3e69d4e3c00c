"""What a person sees while parts of the service die."""

import httpx
from playwright.sync_api import expect

from tests.support.console import Console
from tests.support.stack import Stack
from tests.support.waiting import wait_until

PROMPT = "one two three four five six seven eight nine ten"


def test_a_stream_goes_on_where_its_worker_was_killed(
    console: Console, client: httpx.Client, stack: Stack
) -> None:
    console.generate(PROMPT, max_tokens="200")
    wait_until(lambda: len(console.output()) > 60, 20, "some text")
    stack.processes["worker"].kill()
    before = console.output()

    expect(console.job()).to_contain_text("It goes on where it stopped.")
    stack.start_worker()
    console.comes_to("completed")

    identifier = console.job().get_by_role("link", name="Details").get_attribute("href")
    job = client.get(f"/jobs/{str(identifier).rpartition('/')[2]}").json()
    assert console.output().startswith(before)
    assert console.output() == job["result"]["text"]
    assert job["attempts"] == 2

    console.job().get_by_role("link", name="Details").click()
    story = console.page.get_by_role("region", name="Timeline")
    expect(story).to_contain_text("its worker was lost")
    expect(story).to_contain_text("Attempt 2 started")
    expect(story).to_contain_text("First token")


def test_a_gateway_that_is_away_is_told_and_stream_and_plots_are_there_when_it_is_back(
    console: Console, client: httpx.Client, stack: Stack
) -> None:
    console.generate(PROMPT, max_tokens="200")
    wait_until(lambda: len(console.output()) > 40, 20, "some text")
    stack.processes["gateway"].kill()
    told = console.page.get_by_text("The gateway does not answer")
    expect(told).to_be_visible()
    stack.start_gateway()

    expect(told).to_be_hidden()
    console.comes_to("completed")
    href = console.job().get_by_role("link", name="Details").get_attribute("href")
    text = client.get(f"/jobs/{str(href).rpartition('/')[2]}").json()["result"]["text"]
    assert console.output() == text
    console.go("queues")
    figure = console.page.get_by_role("figure").filter(has_text="Time to first token")
    expect(figure.locator("circle, path")).not_to_have_count(0)


def test_a_form_that_could_not_be_sent_says_so_and_is_kept(console: Console, stack: Stack) -> None:
    console.go("generate")
    console.page.get_by_label("Prompt", exact=True).fill(PROMPT)
    console.page.locator("[name=max_tokens]").fill("5")
    stack.processes["gateway"].kill()
    console.page.get_by_role("button", name="Generate").click()

    expect(console.page.locator("form").get_by_role("alert")).to_contain_text("does not answer")
    stack.start_gateway()
    expect(console.page.get_by_text("Trying again")).to_be_hidden()
    expect(console.page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    console.page.get_by_role("button", name="Generate").click()
    console.comes_to("completed")
