"""Whether the store keeps what was accepted."""

from collections.abc import Iterator

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from cli.doctor.finding import Finding, fail, info, ok, warn
from cli.doctor.scene import Scene, shown
from cli.valkey import OLDEST_VERSION

#: Of maxmemory, at which submits are shed.
FULL_SHARE = 0.8


def reachable(scene: Scene) -> Iterator[Finding]:
    """It answers, to this user."""
    url = shown(scene.store_url)
    try:
        scene.store.ping()
    except AuthenticationError as error:
        fix = "REDIS_URL=redis://USER:PASSWORD@HOST:PORT/0, or REDIS_PASSWORD"
        yield fail("redis", f"{url} refuses the login: {error}", fix)
    except NoPermissionError:
        yield ok("redis", f"Answers at {url}.")
    except RedisError as error:
        if scene.meant_to_run:
            fix = "start it, or set REDIS_URL"
            yield fail("redis", f"{url} does not answer: {error}", fix)
        else:
            yield info("redis", "Does not run: `make run` starts one.", "make run")
    else:
        yield ok("redis", f"Answers at {url}.")


def version(scene: Scene) -> Iterator[Finding]:
    """New enough for our scripts."""
    server = scene.info("server")
    number = str(server["redis_version"])
    name = f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {number}"
    oldest = ".".join(map(str, OLDEST_VERSION))
    if tuple(int(part) for part in number.split(".")[:2]) < OLDEST_VERSION:
        yield fail(
            "redis version", f"{name}; {oldest} is needed.", f"install Valkey or Redis >= {oldest}"
        )
    else:
        yield ok("redis version", f"{name}.")


#: What a server that cannot write refuses all writes for, and how INFO says it.
_WRITTEN = {
    "The append-only file": "aof_last_write_status",
    "The snapshot": "rdb_last_bgsave_status",
}


def persistence(scene: Scene) -> Iterator[Finding]:
    """Accepted jobs survive its restart."""
    state = scene.info("persistence")
    fsync = scene.configured("appendfsync")
    set_it = "in its configuration, or at once: CONFIG SET"
    if not state["aof_enabled"]:
        fix = f"appendonly yes ({set_it} appendonly yes)"
        yield fail(
            "redis persistence", "The append-only file is off: a restart loses every job.", fix
        )
    elif broken := [what for what, status in _WRITTEN.items() if state.get(status, "ok") != "ok"]:
        fix = "free the disk that holds its directory (CONFIG GET dir), then BGSAVE"
        risk = "jobs may be refused, or lost at a restart"
        yield fail("redis persistence", f"{broken[0]} cannot be written: {risk}.", fix)
    elif fsync == "no":
        fix = f"appendfsync everysec ({set_it} appendfsync everysec)"
        yield warn(
            "redis persistence", "appendfsync no: a crash of the host may lose half a minute.", fix
        )
    else:
        loses = "loses nothing" if fsync == "always" else "may lose the last second"
        yield ok(
            "redis persistence", f"Append-only file, {fsync or 'on'}: a crash of the host {loses}."
        )


def eviction(scene: Scene) -> Iterator[Finding]:
    """A full store refuses; it never forgets."""
    policy = scene.configured("maxmemory-policy") or scene.info("memory").get("maxmemory_policy")
    if policy == "noeviction":
        yield ok("redis eviction", "noeviction: a full store refuses new jobs and forgets none.")
        return
    fix = "maxmemory-policy noeviction (at once: CONFIG SET maxmemory-policy noeviction)"
    yield fail("redis eviction", f"{policy}: a full store would delete jobs.", fix)


def memory(scene: Scene) -> Iterator[Finding]:
    """There is room, and an end to it."""
    state = scene.info("memory")
    used, most = int(state["used_memory"]), int(state.get("maxmemory", 0))
    shown_used = f"{used / 2**20:.0f} MiB used"
    if not most:
        fix = "maxmemory 2gb or so: then submits are shed at 80 % of it, before the kernel kills"
        level = warn if scene.settings.production else info
        yield level("redis memory", f"{shown_used}, no maxmemory.", fix)
    elif used > FULL_SHARE * most:
        fix = "raise maxmemory, or lower RESULT_TTL_SECONDS"
        yield fail("redis memory", f"{shown_used} of {most / 2**20:.0f}: submits are refused.", fix)
    else:
        yield ok("redis memory", f"{shown_used} of {most / 2**20:.0f}.")


def access(scene: Scene) -> Iterator[Finding]:
    """Nobody gets in without a password."""
    user = _whoami(scene)
    if user is None:
        return
    if user != "default":
        yield ok("redis access", f"Logged in as {user}.")
        return
    fix = "a user for each component: compose/valkey/users.acl, docs/security.md"
    if not _without_password(scene):
        yield info("redis access", "Logged in as default, which may do everything.", fix)
    elif scene.store_is_local:
        yield ok("redis access", "No password, on this machine's loopback address only.")
    else:
        level = fail if scene.settings.production else warn
        yield level("redis access", "No password: whoever reaches it owns every job.", fix)


def _whoami(scene: Scene) -> str | None:
    try:
        return str(scene.store.acl_whoami())
    except RedisError:
        return None


def _without_password(scene: Scene) -> bool:
    """Whether the default user is let in as it comes."""
    try:
        user = scene.store.acl_getuser("default")
    except RedisError:
        return False
    return bool(user) and "nopass" in user["flags"]
