"""Whether Flower asks who is there."""

from collections.abc import Iterator

import httpx

from cli.doctor.finding import Finding, fail, info, ok
from cli.doctor.scene import TIMEOUT_SECONDS, Scene


def flower(scene: Scene) -> Iterator[Finding]:
    """Nobody sees or revokes tasks without a password."""
    url = scene.flower_url.rstrip("/")
    try:
        answer = httpx.get(f"{url}/api/workers", timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.TransportError:
        yield info("flower", f"Does not run at {url}.")
        return
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        yield ok("flower", f"Asks for a password at {url}.")
    elif answer.is_success:
        fix = "start it as `make run` does, or with --basic-auth=USER:PASSWORD"
        yield fail("flower", f"{url} lets everybody see and revoke tasks.", fix)
    else:
        yield info("flower", f"{url} answers {answer.status_code}.")
