"""A job as it goes: its place in the queue, its text, its speed."""

from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cli.clock import TokenClock
from cli.screen.paper import Paper
from cli.screen.screen import Screen


class Progress(Protocol):
    """Shows one job."""

    def waits(self, status: str, queue: dict[str, Any] | None) -> None:
        """Where it stands."""

    def writes(self, text: str, tokens: int) -> None:
        """What it has made since."""

    def tells(self, line: str) -> None:
        """Something else that happened."""

    def close(self) -> None:
        """Nothing more will come."""


def progress_of(screen: Screen, job_id: str, clock: TokenClock) -> Progress:
    """What suits the streams: a line that changes, plain lines, or nothing."""
    if screen.as_json:
        return Silent()
    if not screen.live:
        return Plain(screen, job_id)
    if screen.reads_answers:
        return LivePage(screen.out, job_id, clock)
    return LiveLine(screen, job_id, clock)


def place(status: str, queue: dict[str, Any] | None) -> str:
    """Where a job stands, in a few words."""
    if not queue:
        return status.replace("_", " ")
    eta = queue["eta_seconds"]
    return f"position {queue['position']} in the queue" + (
        "" if eta is None else f", about {eta:g} s"
    )


class Silent:
    """For programs: the job at the end says it all."""

    def waits(self, status: str, queue: dict[str, Any] | None) -> None: ...

    def writes(self, text: str, tokens: int) -> None: ...

    def tells(self, line: str) -> None: ...

    def close(self) -> None: ...


class Plain:
    """For files and pipes: the text as it is, and a line on stderr when its place changes."""

    def __init__(self, screen: Screen, job_id: str) -> None:
        self._screen = screen
        self._job_id = job_id
        self._told = ""

    def waits(self, status: str, queue: dict[str, Any] | None) -> None:
        now = place(status, {**queue, "eta_seconds": None} if queue else None)
        if now != self._told:
            self._told = now
            self._screen.tell(f"{self._job_id}: {place(status, queue)}")

    def writes(self, text: str, tokens: int) -> None:  # noqa: ARG002 - others count
        self._screen.raw(text)

    def tells(self, line: str) -> None:
        self._screen.tell(line)

    def close(self) -> None:
        self._screen.end_line()


class _Living:
    """What both living forms share: a spinner with a line that changes."""

    def __init__(self, console: Console, job_id: str, clock: TokenClock) -> None:
        self._job_id = job_id
        self._clock = clock
        self._spinner = Spinner("dots", style="cyan")
        self._place = "submitted"
        self._live = Live(self, console=console, refresh_per_second=10, transient=True)
        self._live.start()

    def waits(self, status: str, queue: dict[str, Any] | None) -> None:
        self._place = place(status, queue)

    def tells(self, line: str) -> None:
        self._live.console.print(Text(line, style="yellow"))

    def close(self) -> None:
        self._live.stop()

    def __rich__(self) -> RenderableType:
        return self._line()

    def _line(self) -> RenderableType:
        speed, tokens = self._clock.per_second, self._clock.tokens
        text = f"{tokens} tokens · {speed:.0f} tokens/s" if tokens else self._place
        line = f" {text} · {self._clock.elapsed():.0f} s · {self._job_id}"
        self._spinner.update(text=Text(line, style="dim", no_wrap=True, overflow="ellipsis"))
        return self._spinner


class LiveLine(_Living):
    """The text goes to a file; stderr shows how it goes."""

    def __init__(self, screen: Screen, job_id: str, clock: TokenClock) -> None:
        super().__init__(screen.err, job_id, clock)
        self._screen = screen

    def writes(self, text: str, tokens: int) -> None:  # noqa: ARG002 - the clock counts
        self._screen.raw(text)

    def close(self) -> None:
        super().close()
        self._screen.end_line()


class LivePage(_Living):
    """Everything on one terminal: full rows scroll away, the open one grows above the line."""

    def __init__(self, console: Console, job_id: str, clock: TokenClock) -> None:
        self._paper = Paper(console.width)
        super().__init__(console, job_id, clock)

    def writes(self, text: str, tokens: int) -> None:  # noqa: ARG002 - the clock counts
        for row in self._paper.write(text):
            self._live.console.print(Text(row))

    def close(self) -> None:
        self._live.stop()
        if self._paper.open_row:
            self._live.console.print(Text(self._paper.open_row))

    def __rich__(self) -> RenderableType:
        if not self._paper.open_row:
            return self._line()
        return Group(Text(self._paper.open_row), self._line())
