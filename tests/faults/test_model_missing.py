"""A worker without its model says so and waits; so do the jobs."""

import shutil
from contextlib import closing
from pathlib import Path

import httpx

from tests.models import default_gguf
from tests.support.stack import Stack, finished
from tests.support.waiting import wait_until


def test_readiness_says_what_is_missing_and_the_queue_waits(tmp_path: Path) -> None:
    # Given a worker whose weights are not there, while the gateway has the tokenizer
    model = default_gguf()
    elsewhere = tmp_path / "model"
    shutil.copytree(model.parent, elsewhere)
    weights = elsewhere / model.name
    weights.rename(tmp_path / "hidden")
    stack = Stack(tmp_path, ENGINE="llamacpp", MODEL=str(model))
    stack.valkey.start()
    try:
        stack.start_gateway()
        stack.start_maintenance()
        stack.start_worker(MODEL=str(weights))
        # Then readiness says so
        missing = wait_until(lambda: _not_ready(stack, str(weights)), what="readiness")
        assert "quantization fetch" in (missing or "")
        # And a job is accepted and waits
        with closing(stack.login()) as client:
            job = client.post("/generate", json={"prompt": "Hello", "max_tokens": 5}).json()
            assert job["status"] == "queued"
            # When the weights arrive
            (tmp_path / "hidden").rename(weights)
            # Then it runs, without a restart
            assert finished(client, job, 60)["status"] == "completed"
    finally:
        stack.stop()


def _not_ready(stack: Stack, path: str) -> str | None:
    try:
        answer = httpx.get(f"{stack.base_url}/readyz", trust_env=False)
    except httpx.TransportError:
        return None
    if answer.status_code == 503 and path in answer.text:
        return answer.text
    return None
