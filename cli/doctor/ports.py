"""Whether our ports are ours."""

from collections.abc import Iterator

import httpx

from cli.doctor.finding import Finding, fail, info, ok
from cli.doctor.scene import Scene
from cli.ports import is_taken, next_free


def gateway(scene: Scene) -> Iterator[Finding]:
    """The gateway answers where it should, or its port is free."""
    url = scene.gateway_url
    port = httpx.URL(url).port or 80
    answer = scene.get("/livez")
    if answer is not None and answer.headers.get("x-request-id"):
        yield ok("gateway", f"Answers at {url}.")
    elif answer is not None or (not scene.stack and is_taken(port, scene.settings.api_host)):
        fix = f"make run API_PORT={next_free(port + 1)}"
        yield fail("gateway", f"Port {port} is taken by another program.", fix)
    elif scene.stack:
        log = f"{scene.settings.state}/logs/gateway.log"
        yield fail("gateway", f"Does not answer at {url}.", f"tail {log}")
    elif scene.meant_to_run:
        yield fail("gateway", f"Does not answer at {url}.", "start it: python -m api")
    else:
        yield info("gateway", f"Does not run; port {port} is free.", "make run")


def launcher_ports(scene: Scene) -> Iterator[Finding]:
    """The other ports of ``make run`` are free while it does not run."""
    if scene.stack:
        return
    settings = scene.settings
    wanted = {"FLOWER_PORT": settings.flower_port, "METRICS_PORT": settings.metrics_port}
    if settings.embedded:
        wanted["REDIS_PORT"] = settings.redis_port
    for name, port in wanted.items():
        if not is_taken(port):
            yield ok(f"port {port}", f"Free for {name}.")
        elif name == "METRICS_PORT":
            yield info(f"port {port}", "Taken; workers take the next free one.")
        else:
            fix = f"make run {name}={next_free(port + 1)}"
            yield fail(f"port {port}", f"Taken by another program; {name} wants it.", fix)
