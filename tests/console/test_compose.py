"""Asking for something and watching the answer come."""

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.console import Console
from tests.support.stack import finished
from tests.support.waiting import wait_until

PROMPT = "A caravan of llamas crosses the desert at night"


def test_tokens_arrive_one_after_the_other_and_the_end_says_what_it_took(console: Console) -> None:
    console.generate(PROMPT, max_tokens="60")
    console.comes_to("in progress")
    seen = [wait_until(console.output, 20, "the first token")]
    wait_until(lambda: console.output() != seen[0], 20, "another token")
    seen.append(console.output())

    console.comes_to("completed")
    assert console.output().startswith(seen[1])
    assert seen[1].startswith(seen[0])
    assert console.output().startswith(PROMPT)
    said = console.job().locator(".facts").inner_text()
    for part in ("Tokens/s", "Confidence", "90 %", "Cost", "$0.0", "Finish reason", "length"):
        assert part in said


def test_an_explanation_is_there_with_one_press_of_a_newcomer(console: Console) -> None:
    console.go("explain")
    console.page.get_by_role("button", name="Explain", exact=True).click()

    expect(console.page.get_by_role("log")).to_contain_text("helpful financial analyst")
    console.job().get_by_role("button", name="Cancel").click()
    console.comes_to("cancelled")


def test_facts_of_any_form_go_along(console: Console, client: httpx.Client) -> None:
    console.go("explain")
    console.page.get_by_role("button", name="Options", exact=True).click()
    console.page.get_by_role("button", name="Add a fact").click()
    console.page.get_by_label("Fact", exact=True).last.fill("desk_note")
    console.page.get_by_label("Value of the fact").last.fill("thin market")
    console.page.locator("[name=max_tokens]").fill("3")
    with console.page.expect_request("**/explain") as sent:
        console.page.get_by_role("button", name="Explain", exact=True).click()

    context = json.loads(str(sent.value.post_data))["context"]
    assert (context["analysis_type"], context["strike"]) == ("options", 155)
    assert (context["greeks"]["delta"], context["desk_note"]) == (0.42, "thin market")
    console.comes_to("completed")


def test_cancel_stops_the_stream_and_keeps_what_was_written(console: Console) -> None:
    console.generate(PROMPT, max_tokens="400")
    wait_until(lambda: len(console.output()) > len(PROMPT), 20, "some text")
    console.job().get_by_role("button", name="Cancel").click()

    console.comes_to("cancelled")
    assert console.output().startswith(PROMPT)
    expect(console.job().get_by_role("button", name="Cancel")).to_be_hidden()


def test_a_waiting_job_shows_its_place_and_when_it_starts(
    console: Console, client: httpx.Client
) -> None:
    finished(client, client.post("/generate", json={"prompt": PROMPT, "max_tokens": 2}).json())
    body = {"prompt": PROMPT, "max_tokens": 4096}
    running = [client.post("/generate", json=body).json() for _ in range(4)]
    try:
        console.generate(PROMPT)
        console.comes_to("queued")
        expect(console.job()).to_contain_text("Position 2")
        expect(console.job()).to_contain_text("starts in about")
        client.delete(f"/jobs/{running[3]['id']}")
        expect(console.job()).to_contain_text("Position 1")
    finally:
        for job in running:
            client.delete(f"/jobs/{job['id']}")
    console.comes_to("in progress")
    console.job().get_by_role("button", name="Cancel").click()


def test_limits_and_defaults_are_those_of_openapi(console: Console, client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    asked = schemas["GenerateRequest"]["properties"]
    console.go("generate")
    shown = console.page.evaluate("""() => Object.fromEntries(
        [...document.querySelectorAll('form input[type=number]')].map(({name, min, max, value}) =>
            [name, {min, max, value}]))""")

    assert {"max_tokens", "temperature", "top_p", "top_k", "seed", "logprobs"} <= shown.keys()
    for name, attributes in shown.items():
        spec = {**asked[name], **asked[name].get("anyOf", [{}])[0]}
        expected = spec.get("minimum", spec.get("exclusiveMinimum"))
        assert float(attributes["min"]) == expected, name
        assert attributes["value"] == ("" if "default" not in spec else f"{spec['default']:g}"), (
            name
        )
    offered = console.page.locator(".segments input").evaluate_all(
        "all => all.map(one => one.value)"
    )
    assert offered == schemas["Priority"]["enum"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("max_tokens", "5000", "4096"), ("response_format", '{"type": "magic"}', "type")],
)
def test_a_refusal_stands_at_the_field_that_it_is_about(
    console: Console, name: str, value: str, said: str
) -> None:
    console.go("generate")
    console.page.get_by_text("Sampling", exact=True).click()
    console.page.get_by_label("Prompt", exact=True).fill(PROMPT)
    console.page.locator(f"[name={name}]").fill(value)
    console.page.get_by_role("button", name="Generate").click()

    control = console.page.locator(f"[name={name}]")
    expect(control).to_have_attribute("aria-invalid", "true")
    described = str(control.get_attribute("aria-describedby")).split()[-1]
    expect(console.page.locator(f"#{described}")).to_contain_text(said)


def test_a_fact_beyond_its_limits_is_named(console: Console) -> None:
    console.go("explain")
    console.page.get_by_label("Value of iv_rank").fill("500")
    console.page.get_by_role("button", name="Explain", exact=True).click()

    fault = console.page.locator("form .fault").filter(has_text="iv_rank")
    expect(fault).to_be_visible()
    expect(fault).to_contain_text("100")


class TestSnippets:
    """What the page offers to copy is run as it stands."""

    @pytest.fixture(params=["generate", "explain"])
    def asked(self, console: Console, request: Any) -> Console:
        console.go(str(request.param))
        if request.param == "generate":
            console.page.get_by_label("Prompt", exact=True).fill('It\'s "quoted" & <b>odd</b>')
        console.page.locator("[name=max_tokens]").fill("4")
        console.page.get_by_text("high", exact=True).click()
        return console

    def snippet(self, console: Console, language: str) -> str:
        console.page.get_by_role("tab", name=language).click()
        panel = console.page.get_by_role("tabpanel", name=language)
        panel.get_by_role("button", name="Copy").click()
        expect(panel.get_by_role("button", name="Copied")).to_be_visible()
        return str(console.page.evaluate("navigator.clipboard.readText()"))

    def run(self, command: list[str], console: Console) -> str:
        env = {"PATH": os.environ["PATH"], "TOKEN": console.stored()["access"]}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_each_does_the_same_as_the_form(self, asked: Console) -> None:
        answered = json.loads(self.run(["bash", "-c", self.snippet(asked, "curl")], asked))
        assert (answered["status"], answered["priority"]) == ("completed", "high")
        text = answered["result"].get("text") or answered["result"]["explanation"]

        assert text in self.run([sys.executable, "-c", self.snippet(asked, "Python")], asked)

        script = self.snippet(asked, "JavaScript").replace("console.log", "window.answer = ")
        asked.page.evaluate(
            "async ([script, TOKEN]) => { const AsyncFunction = (async () => {}).constructor;"
            " await new AsyncFunction('TOKEN', script)(TOKEN); }",
            [script, asked.stored()["access"]],
        )
        result = asked.page.evaluate("window.answer")
        assert text == (result.get("text") or result["explanation"])
