"""The pictures of docs/console.md: ``make screenshots``.

A private stack with the default model answers for real. Only the last hour of the plots is
played: nobody wants to wait for it. The typeface is Debian's package fonts-inter, unpacked
beside the virtual environment, so that the pictures are the same everywhere.
"""

import io
import os
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect

from tests.console.furniture import furnish, play_an_hour
from tests.models import default_gguf
from tests.support.console import Console, chromium
from tests.support.sink import Sink
from tests.support.stack import ROOT, Stack
from tests.support.tools import HOME
from tests.support.waiting import wait_until

FOLDER = ROOT / "docs" / "screenshots"
PASSWORD = "one llama after the other"
SETTINGS = {
    "ADMIN_PASSWORD": PASSWORD,
    "MODEL": str(default_gguf()),
    "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "WEBHOOK_RETRY_SCHEDULE": "0,1,600",
    "PRICE_PER_1K_TOKENS": "0.02",
    "FLOWER_URL": "http://127.0.0.1:5555",
}
PAGES = {
    "jobs": "jobs",
    "queues": "queues",
    "webhooks": "webhooks",
    "users": "admin/users",
    "model": "admin/model",
    "dead-letters": "admin/dead",
    "usage": "admin/usage",
    "account": "account",
}
STORY = "Tell a long story about a caravan of llamas that carries the mail across a desert."


def main() -> None:
    """Draw all of them anew."""
    _find_typeface()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as after:
        stack, sink = Stack(Path(directory), **SETTINGS), Sink()
        after.callback(stack.stop)
        stack.start()
        stack.start_webhooks()
        sink.start()
        after.callback(sink.stop)
        client = after.enter_context(stack.login(password=PASSWORD))
        furnish(client, sink)
        play_an_hour(stack.valkey.url)
        browser = after.enter_context(chromium())
        job = _draw_in_the_light(browser, stack.base_url)
        _draw_in_the_dark(browser, stack.base_url, job)
        _draw_on_a_telephone(browser, stack.base_url)


def _draw_in_the_light(browser: Browser, url: str) -> str:
    """Every page; the address of the job that was written meanwhile."""
    with Console.opened(browser, url) as console:
        console.page.goto(url)
        console.page.get_by_label("Username").wait_for()
        _save(console, "sign-in")
        console.sign_in(password=PASSWORD)
        job = _generate(console)
        _save(console, "generate")
        console.comes_to("completed")
        _explain(console)
        _save(console, "explain")
        for name, address in {"job": job, **PAGES}.items():
            console.go(address)
            _settle(console)
            _save(console, name, whole=name == "queues")
        console.go("webhooks")
        console.page.get_by_role("tab", name="Deliveries").click()
        expect(console.page.get_by_role("tabpanel").locator("tbody tr").first).to_be_visible()
        _save(console, "deliveries")
        return job


def _draw_in_the_dark(browser: Browser, url: str, job: str) -> None:
    with Console.opened(browser, url, "dark") as console:
        console.sign_in(password=PASSWORD)
        _explain(console)
        _save(console, "explain-dark")
        for name, address in {"job-dark": job, "queues-dark": "queues"}.items():
            console.go(address)
            _settle(console)
            _save(console, name)


def _draw_on_a_telephone(browser: Browser, url: str) -> None:
    with Console.opened(browser, url, width=360) as console:
        console.sign_in(password=PASSWORD)
        _explain(console)
        console.page.evaluate("document.querySelector('[role=log]').scrollIntoView()")
        console.page.mouse.wheel(0, -260)
        _settle(console)
        _save(console, "explain-360")
        console.go("queues")
        _settle(console)
        _save(console, "queues-360")


def _generate(console: Console) -> str:
    """Ask, and stop while the answer is being written; where the job is shown."""
    console.generate(STORY, max_tokens="240", temperature="0.8")
    wait_until(lambda: len(console.output()) > 240, 60, "some text")
    href = console.job().get_by_role("link", name="Details").get_attribute("href")
    return str(href).removeprefix("#/")


def _explain(console: Console) -> None:
    console.go("explain")
    console.page.locator("[name=max_tokens]").fill("70")
    console.page.get_by_role("button", name="Explain", exact=True).click()
    console.comes_to("completed")
    console.page.evaluate("scrollTo(0, 0)")
    _settle(console)


def _settle(console: Console) -> None:
    """Nothing moves and nothing is pointed at."""
    console.page.mouse.move(640, 2)
    console.page.wait_for_load_state("networkidle")


def _save(console: Console, name: str, *, whole: bool = False) -> None:
    drawn = console.page.screenshot(full_page=whole, animations="disabled", caret="initial")
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    small = picture.quantize(256, kmeans=2, dither=Image.Dither.NONE)
    small.save(FOLDER / f"{name}.png", optimize=True)


def _find_typeface() -> None:
    """Put Inter where Chromium finds it."""
    share = HOME / "usr" / "share"
    if not (share / "fonts" / "opentype" / "inter").exists():
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "fonts-inter"], cwd=HOME, check=True)
        archive = next(HOME.glob("fonts-inter_*.deb"))
        subprocess.run(["dpkg", "-x", archive, "."], cwd=HOME, check=True)
        archive.unlink()
    os.environ["XDG_DATA_HOME"] = str(share)


if __name__ == "__main__":
    main()
