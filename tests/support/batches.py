"""Batches from a client's side: input files, and what the output must be."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
import openai

from tests.support.stack import Stack
from tests.support.waiting import wait_until

CHAT = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")


def chat_line(number: int, tokens: int = 4, **changes: Any) -> dict[str, Any]:
    """A line that asks echo to say its number."""
    messages = [{"role": "user", "content": f"{number:05d} said"}]
    body = {"model": "echo", "messages": messages, "max_tokens": tokens, **changes}
    return {"custom_id": f"c{number}", "method": "POST", "url": CHAT, "body": body}


def jsonl(lines: Iterable[Any]) -> bytes:
    """The lines as a file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def client_of(stack: Stack) -> openai.OpenAI:
    """The official client, logged in."""
    with stack.login() as client:
        token = client.headers["Authorization"].partition(" ")[2]
    return openai.OpenAI(base_url=f"{stack.base_url}/v1", api_key=token, max_retries=0)


def start(client: openai.OpenAI, content: bytes, endpoint: Any = CHAT) -> Any:
    """Upload a file and make a batch of it."""
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"who": "us"}
    )


def ended(client: openai.OpenAI, batch_id: str, timeout_seconds: float = 60) -> Any:
    """The batch once it has ended."""

    def look() -> Any:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in ENDED else None

    return wait_until(look, timeout_seconds, f"the end of {batch_id}")


def completed(client: openai.OpenAI, batch_id: str) -> int:
    """How many lines have completed so far."""
    counts = client.batches.retrieve(batch_id).request_counts
    return counts.completed if counts else 0


def wait_for_lines(
    client: openai.OpenAI, batch_id: str, lines: int, timeout_seconds: float = 60
) -> None:
    """Return once so many have completed."""

    def enough() -> bool:
        return completed(client, batch_id) >= lines

    wait_until(enough, timeout_seconds, f"{lines} completed lines")


def results(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """The lines of an output file."""
    if file_id is None:
        return []
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def said(result: dict[str, Any]) -> str:
    """What a line of a chat batch was answered."""
    return str(result["response"]["body"]["choices"][0]["message"]["content"])


def native_ended(client: httpx.Client, batch: dict[str, Any], timeout_seconds: float = 60) -> Any:
    """A native batch once it has ended."""

    def look() -> Any:
        body = client.get(batch["urls"]["self"]).json()
        return body if body["status"] in ENDED else None

    return wait_until(look, timeout_seconds, f"the end of {batch['id']}")
