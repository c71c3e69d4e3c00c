"""The HTTP side: one connection pool to one upstream."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from worker.engines.base import EngineError, ModelUnavailable
from worker.engines.openai.errors import broken_stream, refusal
from worker.engines.settings import UpstreamSettings

#: Bytes of an error's body that are read.
MAX_ERROR_BYTES = 65_536


class Upstream:
    """For one event loop; ``connections`` are open at most."""

    def __init__(self, settings: UpstreamSettings, connections: int) -> None:
        self._client = httpx2.AsyncClient(
            base_url=base_url(settings.url),
            headers={"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {},
            timeout=httpx2.Timeout(
                settings.silence_seconds, connect=settings.connect_seconds, pool=None
            ),
            limits=httpx2.Limits(max_connections=connections + 1),
        )

    def __str__(self) -> str:
        """Its address, without what may be secret in it."""
        return f"{self._client.base_url.host}:{self._client.base_url.port or ''}"

    async def models(self) -> list[dict[str, Any]]:
        """What it serves; nothing if it does not say. Raises EngineError."""
        try:
            answer = await self._client.get("models")
        except httpx2.HTTPError as error:
            raise ModelUnavailable(_unreachable(self._client.base_url, error)) from error
        if answer.status_code in (404, 405):
            return []
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content, answer.headers)
        try:
            return list(answer.json()["data"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(f"{answer.url} does not list models: {error!r}") from error

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The events of a streamed answer, to its end. Raises EngineError.

        A stream that ends without [DONE] was broken off.
        """
        try:
            async with self._client.stream("POST", path, json=body) as answer:
                if not answer.is_success:
                    raise refusal(answer.status_code, await _beginning(answer), answer.headers)
                async for line in _lines(answer.aiter_bytes()):
                    if line == b"[DONE]":
                        return
                    yield _event(line)
        except httpx2.HTTPError as error:
            raise EngineError(_unreachable(self._client.base_url, error)) from error
        raise broken_stream("the stream ended early")

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def base_url(url: str) -> str:
    """As the OpenAI SDK takes it; a server's bare address means its /v1.

    Raises ModelUnavailable.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ModelUnavailable(f"UPSTREAM_URL is no address: {error}") from error
    return str(parsed.copy_with(path="/v1/") if parsed.path in ("", "/") else parsed)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of server-sent events, which are one line each; JSON may hold U+2028."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


async def _beginning(answer: httpx2.Response) -> bytes:
    """Of the body of an error as much as may be of interest."""
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) >= MAX_ERROR_BYTES:
            break
    return body


def _event(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (RecursionError, ValueError) as error:
        raise broken_stream(f"{data[:100]!r} is not JSON") from error
    if not isinstance(event, dict) or event.get("error"):
        raise broken_stream(event.get("error") if isinstance(event, dict) else event)
    return event


def _unreachable(url: httpx2.URL, error: httpx2.HTTPError) -> str:
    return f"the upstream at {url.host}:{url.port or url.scheme} failed: {error!r}"
