"""Every change of state, as one Lua script each, for a sync or an async client.

The scripts in ``common/lua`` are the only writers of job records. Each is safe to repeat,
because redis-py repeats a call whose answer was lost.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from common.autopipeline import AutoPipeline, Timed

#: What a script takes: strings, bytes and numbers.
Argument = str | bytes | int | float

#: The scripts, in the order of a job's life.
NAMES = (
    *("submit", "read", "claim", "beat", "append", "step", "finish", "release", "cancel"),
    *("redrive", "follow", "list", "erase"),
    *("leave", "abandon"),
    *("batch_admit", "batch_begin", "batch_refuse", "batch_feed", "batch_commit", "batch_stop"),
    *("batch_lease", "batch_room"),
    *("expire", "rescue", "preempt", "orphans", "ring", "rate", "stream_count", "census"),
    *("identify", "key_used", "login", "session_open", "session_carry_on", "session_end"),
    *("user_save", "user_delete"),
    *("hook_claim", "hook_done", "hook_sweep"),
    *("hook_send", "hook_replay", "hook_enable", "hook_rotate"),
)

#: What they share, in the order in which each builds on those before it.
SHARED = (
    *("record", "trail", "bell", "lanes", "outbox", "events", "sending"),
    *("batch", "stream", "usage", "meters", "users", "bearer", "index", "pace"),
    *("allotment", "fair", "bells", "turns", "place", "room", "enter", "moves", "limit", "calls"),
)

_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"--.*")
_DEFINITION = re.compile(r"^local (?:function )?([\w, ]+)", re.MULTILINE)

#: The first major version of a server that knows script flags.
FIRST_WITH_SHEBANG = 7


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script, with what it shares with the others."""

    name: str
    text: str
    sha: str


def load_scripts(*, shebang: bool = True) -> dict[str, Script]:
    """Read all scripts; ``shebang`` False drops the flags, which servers before 7 refuse."""
    folder = files("common") / "lua"
    shared = [(folder / "shared" / f"{name}.lua").read_text() for name in SHARED]
    return {
        name: _assemble(name, (folder / f"{name}.lua").read_text(), shared, shebang)
        for name in NAMES
    }


def _assemble(name: str, source: str, shared: Sequence[str], shebang: bool) -> Script:
    first, _, body = source.partition("\n")
    text = "\n".join([*([first] if shebang else []), *_used_by(body, shared), body])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _used_by(body: str, shared: Sequence[str]) -> list[str]:
    """Those of the shared pieces that ``body`` builds on: a call pays for every one it has."""
    used: list[str] = []
    words = _words(body)
    for piece in reversed(shared):
        if words & _defined_in(piece):
            used.insert(0, piece)
            words |= _words(piece)
    return used


def _words(text: str) -> set[str]:
    """The words of a piece of Lua, without those of its comments."""
    return set(_WORD.findall(_COMMENT.sub("", text)))


def _defined_in(piece: str) -> set[str]:
    """The names that a piece of Lua gives to those after it."""
    return {name for names in _DEFINITION.findall(piece) for name in _WORD.findall(names)}


def supports_shebang(server_info: dict[str, Any]) -> bool:
    """Whether a server (its ``INFO server``) knows script flags."""
    return int(str(server_info["redis_version"]).split(".")[0]) >= FIRST_WITH_SHEBANG


class Scripts:
    """The scripts on a blocking client, for the worker."""

    def __init__(self, redis: "Redis", timed: Timed = nullcontext) -> None:
        self._redis = redis
        self._timed = timed
        self._shas: dict[str, str] = {}  # not the scripts: they take a megabyte

    def load(self) -> None:
        """Send the scripts to the server. Raises redis.RedisError."""
        scripts = load_scripts(shebang=supports_shebang(self._redis.info("server")))
        for script in scripts.values():
            self._redis.script_load(script.text)
        self._shas = {name: script.sha for name, script in scripts.items()}

    def __call__(self, name: str, *args: Argument) -> Any:
        """Run one script. Raises redis.RedisError."""
        try:
            with self._timed():
                return self._redis.evalsha(self._sha(name), 0, *args)
        except NoScriptError:
            self.load()
            return self._redis.evalsha(self._sha(name), 0, *args)

    def pipeline(self, calls: Iterable[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        """Run many scripts in one round trip; answers in order. Raises redis.RedisError."""
        calls = list(calls)
        answers = self._send(calls)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            self.load()
            answers = self._send(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _send(self, calls: list[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for name, args in calls:
            pipe.evalsha(self._sha(name), 0, *args)
        with self._timed():
            return pipe.execute(raise_on_error=False)

    def _sha(self, name: str) -> str:
        if not self._shas:
            self.load()
        return self._shas[name]


class AsyncScripts:
    """The scripts on an asyncio client, for the gateway; calls of one moment travel together."""

    def __init__(self, redis: "AsyncRedis", timed: Timed = nullcontext) -> None:
        self._redis = redis
        self._line = AutoPipeline(redis, timed)
        self._shas: dict[str, str] = {}  # not the scripts: they take a megabyte

    async def load(self) -> None:
        """Send the scripts to the server. Raises redis.RedisError."""
        scripts = load_scripts(shebang=supports_shebang(await self._redis.info("server")))
        for script in scripts.values():
            await self._redis.script_load(script.text)
        self._shas = {name: script.sha for name, script in scripts.items()}

    async def __call__(self, name: str, *args: Argument) -> Any:
        """Run one script. Raises redis.RedisError."""
        (answer,) = await self.pipeline([(name, args)])
        return answer

    async def pipeline(self, calls: Iterable[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        """Run many scripts in one round trip; answers in order. Raises redis.RedisError."""
        calls = list(calls)
        answers = await self._send(calls)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            await self.load()
            answers = await self._send(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _send(self, calls: list[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        if not self._shas:
            await self.load()
        return await self._line.send(
            [("EVALSHA", self._shas[name], 0, *args) for name, args in calls]
        )
