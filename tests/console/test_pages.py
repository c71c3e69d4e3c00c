"""Jobs, queues, webhooks, users, dead letters, the model, and one's account."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from common.webhooks import EventType
from tests.support.console import Console
from tests.support.sink import Reply, Sink
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[Sink]:
    """Takes webhooks in, unless a test lets it fail."""
    sink = Sink()
    sink.start()
    yield sink
    sink.stop()


def submit(client: httpx.Client, prompt: str, **fields: object) -> dict[str, str]:
    job: dict[str, str] = client.post("/generate", json={"prompt": prompt, **fields}).json()
    return job


def test_jobs_are_filtered_paged_and_shown_in_detail(
    console: Console, client: httpx.Client
) -> None:
    jobs = [submit(client, "a page of jobs", max_tokens=1, priority="urgent") for _ in range(22)]
    for job in jobs:
        finished(client, job)
    console.go("jobs")
    console.page.get_by_label("Priority").select_option("urgent")
    rows = console.page.get_by_role("row").filter(has=console.page.get_by_role("link"))
    expect(rows).to_have_count(20)
    console.page.get_by_role("button", name="Show more").click()
    wait_until(lambda: rows.count() > 20, 20, "the next page")
    console.page.get_by_label("Status").select_option("expired")
    expect(console.page.get_by_text("No job is like this")).to_be_visible()

    console.go(f"jobs/{jobs[0]['id']}")
    story = console.page.get_by_role("region", name="Timeline").get_by_role("listitem")
    happened = [line.split("\n")[1].split(" after")[0] for line in story.all_inner_texts()]
    assert happened == ["Queued", "Started", "First token", "Completed"]
    console.page.get_by_role("button", name="Erase").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(console.page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    assert client.get(f"/jobs/{jobs[0]['id']}").status_code == 410


def test_queues_and_workers_show_what_waits_and_who_works(
    console: Console, client: httpx.Client
) -> None:
    jobs = [submit(client, "waiting", max_tokens=4096, priority="low") for _ in range(5)]
    console.go("queues")

    expect(console.page.get_by_role("region", name="Waiting by priority")).to_contain_text("low2")
    workers = console.page.get_by_role("table")
    expect(workers).to_contain_text("echo · none · echo")
    expect(workers).to_contain_text("3/3")
    expect(workers).to_contain_text("closed")
    for job in jobs:
        client.delete(f"/jobs/{job['id']}")
    expect(workers).to_contain_text("0/3")
    expect(console.page.get_by_role("figure")).to_have_count(6)


def test_an_endpoint_is_added_tested_rotated_and_what_failed_is_replayed(
    console: Console, client: httpx.Client, receiver: Sink
) -> None:
    console.go("webhooks")
    console.page.get_by_role("button", name="Add an endpoint").click()
    asked = console.page.get_by_role("dialog", name="A new endpoint")
    asked.get_by_label("URL").fill("ftp://nowhere.example")
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked.get_by_label("URL")).to_have_attribute("aria-invalid", "true")
    asked.get_by_label("URL").fill(receiver.url)
    asked.get_by_role("button", name="Add", exact=True).click()
    shown = console.page.get_by_role("dialog", name="The secret of this endpoint")
    expect(shown.locator("code")).to_contain_text("whsec_")
    shown.get_by_role("button", name="Done").click()

    row = console.page.get_by_role("row").filter(has_text=receiver.url)
    row.get_by_role("button", name="Test").click()
    wait_until(lambda: receiver.got(EventType.ENDPOINT_TEST), 20, "the test event")
    row.get_by_role("button", name="Rotate").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    console.page.get_by_role("dialog", name="The new secret").get_by_text("Done").click()

    receiver.behave = lambda _: Reply(500)
    job = finished(client, submit(client, "told of", max_tokens=1))
    console.go(f"jobs/{job['id']}")
    delivery = console.page.get_by_role("region", name="Webhooks").get_by_role("row").nth(1)
    expect(delivery).to_contain_text("1 attempt")
    delivery.get_by_role("button", name="1 attempt").click()
    expect(console.page.get_by_role("dialog")).to_contain_text("500 after")
    console.page.get_by_role("button", name="Close").click()

    console.go("webhooks")
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    console.page.get_by_role("tab", name="Deliveries").click()
    ledger = console.page.get_by_role("region", name="Deliveries").first
    expect(ledger).to_contain_text("endpoint.test")
    expect(ledger).to_contain_text("job.completed")
    console.page.get_by_role("tab", name="Endpoints").click()
    row.get_by_role("button", name="Delete").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(console.page.get_by_text("No endpoint yet")).to_be_visible()


def test_a_delivery_that_succeeded_is_sent_again(
    console: Console, client: httpx.Client, receiver: Sink
) -> None:
    job = finished(client, submit(client, "told twice", max_tokens=1, webhook_url=receiver.url))
    console.go(f"jobs/{job['id']}")
    delivery = console.page.get_by_role("region", name="Webhooks").get_by_role("row").nth(1)
    expect(delivery).to_contain_text("succeeded")
    delivery.get_by_role("button", name="Replay").click()

    sent = wait_until(lambda: receiver.got(EventType.JOB_COMPLETED)[1:], 20, "the second one")
    assert sent[0].message_id == receiver.arrived[0].message_id


def test_users_are_created_limited_disabled_and_deleted(
    console: Console, client: httpx.Client
) -> None:
    console.go("admin/users")
    console.page.get_by_role("button", name="Add a user").click()
    asked = console.page.get_by_role("dialog", name="A new user")
    asked.get_by_label("Username").fill("grace hopper")
    asked.get_by_role("button", name="Create").click()
    expect(asked.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
    asked.get_by_label("Username").fill("grace")
    asked.get_by_label("Max jobs").fill("7")
    asked.get_by_role("button", name="Create").click()
    console.page.get_by_role("dialog", name="The password of grace").get_by_text("Done").click()

    row = console.page.get_by_role("row").filter(has_text="grace")
    expect(row).to_contain_text("7 jobs")
    row.get_by_role("button", name="Change").click()
    asked = console.page.get_by_role("dialog", name="Change grace")
    asked.get_by_label("Max jobs").fill("")
    asked.get_by_label("Role").select_option("metrics")
    asked.get_by_role("button", name="Change").click()
    expect(row).to_contain_text("as everybody")
    now = client.get("/admin/users/grace").json()
    assert (now["role"], now["max_jobs"]) == ("metrics", None)
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    row.get_by_role("button", name="Delete").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert client.get("/admin/users/grace").status_code == 404


def test_who_is_no_administrator_sees_no_way_there(fresh: Console, client: httpx.Client) -> None:
    client.post("/admin/users", json={"username": "linus", "password": "a long sentence"})
    fresh.sign_in("linus", "a long sentence")

    expect(fresh.page.get_by_role("link", name="Admin")).to_be_hidden()
    fresh.go("admin/users")
    expect(fresh.page.get_by_text("This is for administrators")).to_be_visible()


def test_a_reload_shows_how_far_each_worker_is(console: Console) -> None:
    console.go("admin/model")
    console.page.get_by_role("button", name="Reload").click()

    progress = console.page.get_by_role("region", name="Progress of the last reload")
    expect(progress.get_by_role("row").nth(1)).to_contain_text("ready")
    console.page.get_by_label("Model", exact=True).fill("no-such-model")
    console.page.get_by_label("Engine").select_option("llamacpp")
    console.page.get_by_role("button", name="Reload").click()
    expect(console.page.get_by_label("Model", exact=True)).to_have_attribute("aria-invalid", "true")


def test_dead_letters_are_redriven_and_purged(console: Console, client: httpx.Client) -> None:
    body = {"prompt": "slow", "max_tokens": 4096, "timeout_seconds": 1}
    jobs = [client.post("/generate", json=body).json() for _ in range(2)]
    assert {finished(client, job)["status"] for job in jobs} == {"failed"}
    console.go("admin/dead")
    letters = console.page.get_by_role("region", name="Dead letters").first
    expect(letters.get_by_role("row")).to_have_count(3)
    expect(letters).to_contain_text("timeout")
    letters.get_by_role("button", name="Redrive", exact=True).first.click()
    expect(console.page.get_by_text("It goes on as")).to_be_visible()
    letters.get_by_role("button", name="Purge").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Purge").click()
    expect(console.page.get_by_text("No dead letters")).to_be_visible()


def test_usage_adds_up_and_a_key_is_made_and_voided(
    console: Console, client: httpx.Client, stack: Stack
) -> None:
    finished(client, submit(client, "counted", max_tokens=3))
    console.go("admin/usage")
    expect(console.page.get_by_role("region", name="By model").first).to_contain_text("echo")

    console.go("account")
    console.page.get_by_label("Name").fill("nightly report")
    console.page.get_by_role("button", name="Make a key").click()
    shown = console.page.get_by_role("dialog", name="Your new key")
    key = str(shown.locator("code").text_content())
    bearer = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{stack.base_url}/jobs", headers=bearer).status_code == 200
    shown.get_by_role("button", name="Done").click()
    console.page.get_by_role("row").filter(has_text="nightly").get_by_role("button").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Void").click()
    expect(console.page.get_by_text("No API keys")).to_be_visible()
    assert httpx.get(f"{stack.base_url}/jobs", headers=bearer).status_code == 401


def test_what_else_is_there_is_linked(console: Console, client: httpx.Client) -> None:
    def leads_to(name: str) -> str:
        link = console.page.get_by_role("link", name=name, exact=True)
        return str(link.get_attribute("href"))

    assert client.get(leads_to("API")).is_success
    assert client.get(leads_to("Metrics")).is_success
    assert leads_to("Flower") == "http://127.0.0.1:5555/flower"


def test_the_description_of_the_api_is_drawn_without_the_internet(console: Console) -> None:
    console.page.goto(f"{console.base_url}/docs")
    expect(console.page.locator(".opblock-summary-path").first).to_be_visible()

    assert {url.split("/")[2] for url in console.requested} == {console.base_url.split("/")[2]}
