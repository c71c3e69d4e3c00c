"""Nothing that anybody writes becomes code, and nothing comes from elsewhere."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from api.console import FOLDER, forms_of
from api.headers import OWN_FILES
from tests.support.console import Console
from tests.support.waiting import wait_until

ATTACKS = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload=window.pwned=1>",
    "\"><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "javascript:window.pwned=1",
    "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1}",
]


def untouched(console: Console) -> None:
    assert console.page.evaluate("window.pwned") is None
    # Elements that no page of ours makes.
    assert console.page.locator("main :is(script, iframe, object, img, svg[onload])").count() == 0


def test_a_prompt_and_the_output_that_repeats_it_stay_text(
    console: Console, client: httpx.Client
) -> None:
    attack = "\n".join(ATTACKS)
    console.generate(attack, max_tokens="160")
    console.comes_to("completed")

    assert console.output().startswith(attack[:60])
    untouched(console)
    console.job().get_by_role("link", name="Details").click()
    console.page.get_by_role("region", name="Timeline").wait_for()
    assert attack[:60] in console.output()
    untouched(console)


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_descriptions_and_metadata_stay_text(
    console: Console, client: httpx.Client, attack: str
) -> None:
    body = {"prompt": attack, "max_tokens": 2, "metadata": {attack[:64]: attack}}
    job = client.post("/generate", json=body, headers={"Prefer": "wait=20"}).json()
    endpoint = {"url": "http://127.0.0.1:9/x?<script>", "description": attack}
    refused = client.post("/webhooks/endpoints", json=endpoint)
    made = (
        refused
        if refused.is_success
        else client.post("/webhooks/endpoints", json={**endpoint, "url": "http://127.0.0.1:9/x"})
    )
    assert made.is_success, made.text

    for address in (f"jobs/{job['id']}", "webhooks"):
        console.go(address)
        expect(console.page.get_by_text(attack, exact=True).first).to_be_visible()
        untouched(console)
    client.delete(f"/webhooks/endpoints/{made.json()['id']}")


def test_an_address_that_somebody_made_up_shows_no_more_than_its_text(console: Console) -> None:
    console.page.goto(f"{console.base_url}/#/jobs/%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E")
    expect(console.page.get_by_role("alert").first).to_be_visible()
    untouched(console)


def test_the_policy_of_the_page_lets_nothing_inline_run(console: Console) -> None:
    policy = httpx.get(console.base_url).headers["content-security-policy"]
    assert policy == OWN_FILES
    assert "unsafe" not in policy
    console.page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.pwned = 1';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned = 1">');
    }""")

    def refused() -> list[str]:
        assert console.page.evaluate("window.pwned") is None
        return [said for said in console.complaints if "Content Security Policy" in said]

    wait_until(lambda: len(refused()) == 2, what="a refusal of the script and of the handler")
    console.complaints.clear()


def test_the_source_never_parses_markup_nor_evaluates() -> None:
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "style=",
    )
    for path in FOLDER.rglob("*.*"):
        found = [word for word in forbidden if word in path.read_text()]
        assert found == [], path.name


def test_everything_comes_from_the_gateway_and_weighs_little(console: Console) -> None:
    for address in (
        "generate",
        "jobs",
        "queues",
        "webhooks",
        "admin/users",
        "admin/model",
        "account",
    ):
        console.go(address)

    assert {url.split("/")[2] for url in console.requested} == {console.base_url.split("/")[2]}
    files = [path for path in FOLDER.rglob("*.*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    assert max(_lines(path) for path in files) <= 250


def test_the_first_paint_waits_for_little(fresh: Console) -> None:
    fresh.page.goto(fresh.base_url)
    fresh.page.get_by_role("button", name="Sign in").wait_for()
    sizes = "performance.getEntriesByType('resource').map(one => one.decodedBodySize)"
    assert sum(fresh.page.evaluate(sizes)) < 60_000
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    assert wait_until(lambda: fresh.page.evaluate(paint), what="a first paint") < 10_000


def test_files_are_asked_for_again_and_answered_with_304_while_unchanged(fresh: Console) -> None:
    with httpx.Client(base_url=fresh.base_url) as client:
        for path in ("/", "/console/main.js", "/console/css/theme.css"):
            first = client.get(path)
            assert first.headers["cache-control"] == "no-cache"
            again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert again.status_code == 304, path
            assert again.headers["content-security-policy"] == OWN_FILES
        assert client.post("/").status_code == 405
        assert client.get("/console/../app.py").status_code == 404


def test_forms_are_described_where_the_documentation_is_switched_off(client: httpx.Client) -> None:
    forms = client.get("/console/forms.json").json()
    assert forms == forms_of(client.get("/openapi.json").json())
    assert {"GenerateRequest", "Priority", "OptionsContext", "Greeks", "Role"} <= forms.keys()
    assert not {"JobBody", "UserBody", "TokenBody"} & forms.keys()


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())
