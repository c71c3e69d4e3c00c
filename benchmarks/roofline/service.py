"""The same explanations once more, through gateway, store and worker, as a client sees them."""

from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos.service import Service
from benchmarks.roofline.loop import closed_loop
from benchmarks.roofline.settings import GpuBenchSettings, gpu_environment
from benchmarks.valkey import ValkeyServer
from common.artifact import Artifact
from worker.engines.settings import Quantization

#: Where what the service writes besides goes, within its directory.
_LOGS = "service"
_LAST_WORDS = 1000


def measure(
    artifact: Artifact, precision: Quantization, directory: Path, settings: GpuBenchSettings
) -> dict[str, Any]:
    """Latencies of ``POST /generate`` that waits for the answer, in a closed loop."""
    place = directory / _LOGS
    place.mkdir()
    valkey = ValkeyServer(place)
    valkey.start()
    service = Service(
        place,
        valkey,
        **gpu_environment(),
        ENGINE="transformers",
        MODEL=str(artifact.path),
        QUANTIZATION=precision.value,
        INT8_THRESHOLD="0",
        PROMPT_LOOKUP_TOKENS="0",
        MAX_CONCURRENT_REQUESTS=str(settings.concurrency),
        N_CTX=str(settings.context_size),
    )
    try:
        _start(service)
        return _asked(service, settings)
    finally:
        service.stop()


def _start(service: Service) -> None:
    """Raises RuntimeError with what its worker said last."""
    try:
        service.start(workers=1)
    except AssertionError as error:
        said = [worker.output()[-_LAST_WORDS:] for worker in service.workers.values()]
        raise RuntimeError(f"{error}; the worker said last: {''.join(said)}") from error


def _asked(service: Service, settings: GpuBenchSettings) -> dict[str, float]:
    client = httpx.Client(
        base_url=service.base_url,
        headers={"Authorization": f"Bearer {service.token()}", "Prefer": "wait=60"},
        trust_env=False,
        timeout=90,
    )

    def answer(number: int) -> None:
        # A byte is a token here, so this is a prompt of so many tokens.
        prompt = f"{number:03} Explain this. ".ljust(settings.prompt_tokens, "x")
        body = {"prompt": prompt, "max_tokens": settings.answer_tokens, "seed": number}
        job = client.post("/generate", json=body).raise_for_status().json()
        if job["status"] != "completed":
            raise RuntimeError(f"the job is {job['status']}: {job.get('error')}")

    with client:
        closed_loop(answer, 2 * settings.concurrency, settings.concurrency)  # warms up
        return closed_loop(answer, settings.explanations, settings.concurrency)
