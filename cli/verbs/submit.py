"""What ``generate`` and ``explain`` share: submit a job, and stay with it."""

from collections.abc import Callable
from typing import Any

from cli.client.connect import connect
from cli.client.submission import Submission, body_of, new_key, pairs
from cli.exits import ExitCode
from cli.follow import Follower
from cli.options import Handling, Showing, Writing
from cli.screen.screen import Screen, on_screen


def submit(
    path: str,
    subject: Callable[[], dict[str, Any]],
    writing: Writing,
    handling: Handling,
    showing: Showing,
) -> int:
    """Ask for what ``subject`` makes; the exit status."""

    def work(screen: Screen) -> int:
        body = {**subject(), **options_of(writing, handling)}
        key = handling.idempotency_key or new_key()
        with connect(showing.url) as gateway:
            job = Submission(path, body, key, handling.retry_for).send(gateway, screen.tell)
            if showing.detach:
                screen.json(job) if screen.as_json else screen.raw(f"{job['id']}\n")
                return ExitCode.OK
            return Follower(gateway, screen, cancels=not showing.keep).follow(job)

    return on_screen(work, as_json=showing.as_json)


def options_of(writing: Writing, handling: Handling) -> dict[str, Any]:
    """The given options under the API's names. Raises Misused."""
    return body_of(
        max_tokens=writing.max_tokens,
        temperature=writing.temperature,
        top_p=writing.top_p,
        top_k=writing.top_k,
        stop=writing.stop,
        seed=writing.seed,
        system_prompt=writing.system_prompt,
        priority=handling.priority,
        deadline_seconds=handling.deadline,
        timeout_seconds=handling.timeout,
        result_ttl_seconds=handling.keep_result,
        webhook_url=handling.webhook_url,
        metadata=pairs("--metadata", handling.metadata),
    )
