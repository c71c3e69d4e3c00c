"""Submit, then poll, with nothing but an HTTP client.

    pip install httpx
    CARAVAN_TOKEN=$(caravan token) python examples/submit_then_poll.py

The Idempotency-Key makes the submit safe to repeat: after a timeout, send it again.
"""

import os
import time
import uuid

import httpx

client = httpx.Client(
    base_url=os.environ.get("CARAVAN_URL", "http://localhost:8000"),
    headers={"Authorization": f"Bearer {os.environ['CARAVAN_TOKEN']}"},
    timeout=30,
)


def submit(body: dict) -> dict:
    """The accepted job; waits as the gateway asks when its queue is full."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    while True:
        try:
            answer = client.post("/generate", json=body, headers=key)
        except httpx.TransportError:
            time.sleep(1)
            continue
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return answer.json()
        time.sleep(float(answer.headers.get("Retry-After", 1)))


def poll(job: dict) -> dict:
    """The job once it has ended, asked for as seldom as is sensible."""
    while job["status"] in ("queued", "in_progress"):
        answer = client.get(job["urls"]["self"])
        job = answer.json()
        print(job["status"], job["queue"] or "")
        time.sleep(min(1.0, float(answer.headers.get("Retry-After", 0))))
    return job


job = poll(submit({"prompt": "The future of AI is", "max_tokens": 50}))
print(job["result"]["text"])
print(job["usage"])
