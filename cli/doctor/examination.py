"""All checks, in the order in which they are reported."""

from collections.abc import Iterator

from redis.exceptions import NoPermissionError

from cli.doctor import clocks, egress, flower, gpu, machine, model, ports, secrets, store, workers
from cli.doctor.finding import Check, Finding, info, warn
from cli.doctor.scene import Scene

HERE: tuple[Check, ...] = (
    ports.gateway,
    ports.launcher_ports,
    model.model,
    gpu.gpu,
    machine.disk,
    machine.open_files,
    secrets.jwt_secret,
    clocks.gateway_clock,
    egress.way_out,
    egress.opened_networks,
    flower.flower,
    store.reachable,
)

#: Those that ask the store, once it answers.
OF_STORE: tuple[Check, ...] = (
    store.version,
    store.persistence,
    store.eviction,
    store.memory,
    store.access,
    clocks.store_clock,
    secrets.default_password,
    workers.inference,
    workers.progress,
    workers.maintenance,
    workers.webhooks,
    workers.dead_letters,
)


def examine(scene: Scene) -> Iterator[Finding]:
    """Every finding, as it is found."""
    for check in HERE:
        yield from _guarded(check, scene)
    if scene.store_answers:
        for check in OF_STORE:
            yield from _guarded(check, scene)


def _guarded(check: Check, scene: Scene) -> Iterator[Finding]:
    """One check that fails for its own reasons leaves the others alone."""
    try:
        yield from check(scene)
    except NoPermissionError as error:
        yield info(check.__name__.replace("_", " "), f"This user may not look: {error}.")
    except Exception as error:  # noqa: BLE001 - whatever it is, the user is told
        name = check.__name__.replace("_", " ")
        yield warn(name, f"Could not be checked: {error or type(error).__name__}.", "look yourself")
