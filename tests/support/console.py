"""The console in a real Chromium, as a person uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.support.stack import PASSWORD, USERNAME
from tests.support.tools import tool

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds for anything to appear; two busy cores are slow.
PATIENCE_MS = 20_000

Theme = Literal["light", "dark"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a fresh profile."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Console:
    """One tab; ``complaints`` are what the browser or a script had against the page."""

    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(
        cls, browser: Browser, base_url: str, theme: Theme = "light", width: int = 1280
    ) -> Iterator["Console"]:
        """A tab of its own profile that has seen nothing yet."""
        context: BrowserContext = browser.new_context(
            color_scheme=theme,
            viewport={"width": width, "height": 860},
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield cls._of(context.new_page(), base_url)
        finally:
            context.close()

    @classmethod
    def _of(cls, page: Page, base_url: str) -> "Console":
        console = cls(page, base_url)
        page.on("console", console._heard)
        page.on("pageerror", lambda error: console.complaints.append(str(error)))
        page.on("request", lambda request: console.requested.append(request.url))
        return console

    @contextmanager
    def another_tab(self) -> Iterator["Console"]:
        """A tab beside this one, with its session."""
        console = self._of(self.page.context.new_page(), self.base_url)
        try:
            yield console
        finally:
            console.page.close()

    def sign_in(self, username: str = USERNAME, password: str = PASSWORD) -> None:
        """Open the console and come as far as its first page."""
        self.page.goto(self.base_url)
        self.fill_in(username, password)
        self.page.locator(".nav").wait_for(state="attached")

    def fill_in(self, username: str, password: str) -> None:
        """Give a name and a password to whichever sign-in form is shown."""
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def go(self, address: str) -> None:
        """Another page of the console, drawn to its end."""
        self.page.goto(f"{self.base_url}/#/{address}")
        self.page.get_by_role("heading", level=1).wait_for()
        expect(self.page.locator("main .bone")).to_have_count(0)

    def generate(self, prompt: str, **fields: str) -> None:
        """Fill in the form of Generate and send it; ``fields`` by the name of their control."""
        self.go("generate")
        self.page.get_by_label("Prompt", exact=True).fill(prompt)
        for name, value in fields.items():
            self.page.locator(f"[name={name}]").fill(value)
        self.page.locator("form button.main").click()

    def job(self) -> Any:
        """The card of the job that runs or ran."""
        return self.page.get_by_role("region", name="Job")

    def comes_to(self, status: str) -> None:
        """Wait until the job of the page is in this state."""
        expect(self.job().locator(".state")).to_have_text(status)

    def output(self) -> str:
        """The text so far."""
        return str(self.page.get_by_role("log").text_content())

    def stored(self, **changes: Any) -> dict[str, Any]:
        """The session as the browser keeps it, after these changes."""
        script = """changes => {
            const kept = JSON.parse(localStorage.getItem('caravan.session') ?? 'null');
            if (kept) localStorage.setItem('caravan.session', JSON.stringify({...kept, ...changes}));
            return {...kept, ...changes};
        }"""
        kept: dict[str, Any] = self.page.evaluate(script, changes)
        return kept

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser reports every refused or unanswered request; pages show those themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)
