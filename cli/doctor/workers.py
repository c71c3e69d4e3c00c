"""Whether jobs are being done."""

from collections.abc import Iterator
from typing import Any

from cli.doctor.finding import Finding, fail, info, ok, warn
from cli.doctor.scene import Scene
from common import keys
from common.queues import Priority

#: Milliseconds after its last beat for which a worker counts as alive, as for the gateway.
ALIVE_MS = 15_000
#: A job that waits so long beside a free slot has been forgotten.
STUCK_MS = 30_000
#: Maintenance looks every SWEEP_SECONDS.
SWEPT_MS = 30_000
OVERDUE_MS = 60_000


def inference(scene: Scene) -> Iterator[Finding]:
    """Workers are alive, take jobs, and none is in trouble."""
    workers = [one for one in _alive(scene) if one.get("kind") != "webhooks"]
    ready = [one for one in workers if one.get("state") == "ready"]
    for one in workers:
        if one.get("error"):
            yield fail(f"worker {one['id']}", f"{one['state']}: {one['error']}", "see its log")
        elif one.get("breaker") == "open":
            said = "Its engine fails, so it takes no jobs and reloads."
            yield fail(f"worker {one['id']}", said, "see its log; GPU memory, model files")
    if ready:
        slots, busy = (sum(int(one.get(name) or 0) for one in ready) for name in ("slots", "busy"))
        yield ok(
            "workers", f"{len(ready)} of {len(workers)} take jobs, {busy} of {slots} slots busy."
        )
    else:
        states = ", ".join(str(one.get("state")) for one in workers) or "none is alive"
        yield fail("workers", f"No worker takes jobs: {states}.", "python -m worker inference")


def progress(scene: Scene) -> Iterator[Finding]:
    """No job waits beside a free slot."""
    ready = [one for one in _alive(scene) if one.get("state") == "ready" and one.get("slots")]
    free = sum(int(one["slots"]) - int(one.get("busy") or 0) for one in ready)
    waiting, oldest = 0, 0
    for priority in Priority:
        waiting += scene.store.zcard(priority.waiting)
        first: list[Any] = scene.store.zrange(priority.waiting, 0, 0, withscores=True)
        oldest = max(oldest, *(_now(scene) - int(score) for _, score in first), 0)
    said = f"{waiting} jobs wait, the oldest for {oldest / 1000:.0f} s; {free} slots are free."
    if waiting and free > 0 and oldest > STUCK_MS:
        yield fail("queue", said, "is maintenance running? It rings again for forgotten jobs.")
    else:
        yield ok("queue", said)


def maintenance(scene: Scene) -> Iterator[Finding]:
    """Somebody rescues, expires and rings again."""
    tick = int(scene.store.get(keys.TICK) or 0)
    silent = _now(scene) - tick
    if tick and silent < SWEPT_MS:
        yield ok("maintenance", f"Looked {silent / 1000:.0f} s ago.")
    else:
        said = f"Has not looked for {silent / 1000:.0f} s." if tick else "Has never looked."
        yield fail("maintenance", said, "python -m worker maintenance")


def webhooks(scene: Scene) -> Iterator[Finding]:
    """Deliveries leave when they are due."""
    senders = [one for one in _alive(scene) if one.get("kind") == "webhooks"]
    overdue = scene.store.zcount(keys.HOOKS, 0, _now(scene) - OVERDUE_MS)
    said = f"{len(senders)} workers, {overdue} deliveries overdue by a minute."
    if not senders:
        level = fail if overdue else warn
        yield level("webhooks", said, "python -m worker webhooks")
    elif overdue:
        yield warn("webhooks", said, "start another: python -m worker webhooks")
    else:
        yield ok("webhooks", said)


def dead_letters(scene: Scene) -> Iterator[Finding]:
    """Jobs that were given up."""
    count = scene.store.zcard(keys.DEAD)
    if count:
        yield info(
            "dead letters", f"{count} jobs were given up.", "GET /admin/dead; redrive or purge"
        )
    else:
        yield ok("dead letters", "None.")


def _alive(scene: Scene) -> list[dict[str, Any]]:
    since = _now(scene) - ALIVE_MS
    names: list[str] = scene.store.zrangebyscore(keys.WORKERS, since, "+inf")
    return [{"id": name, **scene.store.hgetall(keys.worker(name))} for name in names]


def _now(scene: Scene) -> int:
    """Milliseconds of the store's clock, which all of these are of."""
    seconds, micros = scene.store.time()
    return int(seconds) * 1000 + int(micros) // 1000
