"""``python -m benchmarks.hostile.upstream PORT``: an OpenAI-compatible server without a model.

It answers with as many words as are asked for, at once: what is measured is the gateway, with
the tokenizer of a real model.
"""

import asyncio
import json
import re
import sys
from typing import Any

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
MODELS = json.dumps({"object": "list", "data": [{"id": "stub", "max_model_len": 4096}]}).encode()


async def serve(port: int) -> None:
    """Until it is killed."""
    server = await asyncio.start_server(_answer_all, "127.0.0.1", port)
    await server.serve_forever()


async def _answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            writer.write(_answer(json.loads(body)) if body else _whole(MODELS))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _whole(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _answer(asked: dict[str, Any]) -> bytes:
    tokens = asked["max_tokens"]
    deltas = [{"index": 0, "delta": {"content": " word"}, "text": " word"}] * tokens
    end = {"index": 0, "delta": {}, "text": "", "finish_reason": "length"}
    usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
    events = [{"choices": [one]} for one in [*deltas, end]] + [{"choices": [], "usage": usage}]
    data = b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in events)
    data += b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(data)}"
    return head.encode() + b"\r\n\r\n" + data


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
