"""A text that takes a while: progress, Ctrl-C, a gateway that goes away and comes back."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.caravan import COMMAND, Caravan
from tests.support.stack import Stack
from tests.support.terminal import COLUMNS, CTRL_C, Terminal
from tests.support.waiting import wait_until

#: The echo engine's answer to this prompt, 10 s long.
WORDS = "one two three four five six seven eight nine ten "
TOKENS = 300
LONG = ["generate", WORDS.strip(), "-n", str(TOKENS)]
ENDLESS = ["generate", WORDS.strip(), "-n", "4000"]
TEXT = (WORDS.strip() * 10)[:TOKENS]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One that writes slowly."""
    stack = Stack(tmp_path_factory.mktemp("slow"), ENGINE="echo", ECHO_TOKENS_PER_SECOND="100")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login() as client:
        yield client


@pytest.fixture
def caravan(stack: Stack, client: httpx.Client, tmp_path: Path) -> Caravan:
    token = str(client.headers["Authorization"]).removeprefix("Bearer ")
    return Caravan(stack.base_url, tmp_path, CARAVAN_TOKEN=token)


def newest(client: httpx.Client) -> str:
    """The state of the job that was made last."""
    return str(client.get("/jobs", params={"limit": 1}).json()["data"][0]["status"])


def rows(seen: bytes) -> list[str]:
    """What stays on the terminal, row by row, colours and what was written over left out."""
    screen, text = [""], seen.decode()
    for token in re.findall(r"\x1b\[\d*[A-Za-z]|\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if token == "\n":
            screen.append("")
        elif token == "\x1b[2K":
            screen[-1] = ""
        elif token == "\x1b[1A":
            screen.pop()
        elif not token.startswith(("\x1b", "\r")):
            screen[-1] += token
    return screen


def test_a_terminal_shows_progress_and_keeps_only_the_text(caravan: Caravan) -> None:
    # Given a terminal
    terminal = Terminal([*COMMAND, *LONG], caravan.env)
    # When a job has run in it
    terminal.wait_for("tokens/s ")
    assert terminal.end() == 0
    # Then its speed was shown meanwhile, and the text stays whole, broken at words
    kept = [row for row in rows(terminal.seen) if row and "job_" not in row and "·" not in row]
    assert max(map(len, kept)) <= COLUMNS
    assert "".join(kept).replace(" ", "") == TEXT.replace(" ", "")


def test_no_color_is_honoured(caravan: Caravan) -> None:
    terminal = Terminal([*COMMAND, "status"], {**caravan.env, "NO_COLOR": "1"})

    assert terminal.end() == 0
    assert not re.search(rb"\x1b\[\d*3\dm", terminal.seen)


def test_ctrl_c_cancels_the_job(caravan: Caravan, client: httpx.Client) -> None:
    terminal = Terminal([*COMMAND, *ENDLESS], caravan.env)
    terminal.wait_for("tokens/s ")

    terminal.press(CTRL_C)

    assert terminal.end() == 130
    assert b"is cancelled" in terminal.seen
    assert newest(client) == "cancelled"


@pytest.mark.parametrize("by", ["keep", "watch"])
def test_ctrl_c_leaves_a_job_running_that_was_meant_to_stay(
    caravan: Caravan, client: httpx.Client, by: str
) -> None:
    # Given a job that is watched, or was asked for with --keep
    command = [*ENDLESS, "--keep"]
    if by == "watch":
        command = ["watch", caravan(*ENDLESS, "--detach").stdout.strip()]
    terminal = Terminal([*COMMAND, *command], caravan.env)
    terminal.wait_for("tokens/s ")
    # When somebody presses Ctrl-C
    terminal.press(CTRL_C)
    # Then the command ends and says how to come back, and the job goes on
    assert terminal.end() == 130
    assert b"caravan watch job_" in terminal.seen
    assert newest(client) == "in_progress"
    client.delete(client.get("/jobs", params={"limit": 1}).json()["data"][0]["urls"]["cancel"])


def test_a_gateway_that_dies_meanwhile_costs_no_token(caravan: Caravan, stack: Stack) -> None:
    # Given a stream under way into a file
    process = caravan.start(*LONG)
    wait_until(lambda: "one two three" in process.output(), what="the first words")
    # When the gateway is killed, and another takes its place
    stack.processes["gateway"].kill()
    stack.start_gateway()
    # Then the text has no gap and no repetition
    assert process.wait(60) == 0
    assert process.output() == f"{TEXT}\n"
    assert caravan.errors.read_text().count("connection lost") == 1


def test_a_refusal_by_limits_is_exit_status_4_and_says_when(
    caravan: Caravan, client: httpx.Client
) -> None:
    # Given a user who may have one unfinished job, and has it
    body = {"username": "guest", "password": "a long sentence", "max_jobs": 1}
    client.post("/admin/users", json=body)
    guest = Caravan(caravan.env["CARAVAN_URL"], caravan.home)
    guest.log_in("guest", "a long sentence")
    first = guest(*ENDLESS, "-d").stdout.strip()
    # When they ask for another
    done = guest("generate", "Hello", "-n", "5")
    # Then it is refused
    assert done.returncode == 4
    assert "too-many-jobs" in done.stderr
    assert "Try again in" in done.stderr
    # And a load waits and counts it
    assert guest("cancel", first).returncode == 0
    report = guest.json("bench-load", "--jobs", "3", "-c", "2", "-n", "20")
    assert report["jobs"] == {"completed": 3}
    assert set(report["refusals"]) <= {"too-many-jobs"}
    # And accepted once there is room, for who says --retry-for
    first = guest(*ENDLESS, "-d").stdout.strip()
    assert guest("cancel", first).returncode == 0
    assert guest("generate", "Hello", "-n", "5", "--retry-for", "30").returncode == 0


def test_a_job_that_ends_badly_is_exit_status_1(caravan: Caravan, client: httpx.Client) -> None:
    # Given a job that is watched
    job_id = caravan(*ENDLESS, "-d").stdout.strip()
    process = caravan.start("watch", job_id)
    wait_until(lambda: "one" in process.output(), what="the first word")
    # When somebody else cancels it
    client.delete(f"/jobs/{job_id}")
    # Then the command fails and says why
    assert process.wait(30) == 1
    assert f"{job_id} is cancelled" in caravan.errors.read_text()


def test_ctrl_c_ends_a_load_with_its_report(caravan: Caravan) -> None:
    load = ["bench-load", "--seconds", "60", "-n", "20"]
    terminal = Terminal([*COMMAND, *load], caravan.env)
    terminal.wait_for("1/?")

    terminal.press(CTRL_C)

    assert terminal.end() == 130
    assert b"jobs/min" in terminal.seen
