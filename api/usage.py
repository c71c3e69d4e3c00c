"""What users used, day by day and model by model, from the sums that settle() keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self, cast

from redis.asyncio import Redis

from api.prices import usd
from common import account_keys
from common.job import JobStatus

_EPOCH = date(1970, 1, 1)
_ENDED = [status.value for status in JobStatus if status.terminal]
_MEASURES = ("prompt", "completion", "cached", "cost_nano")


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over some jobs that ended: how they ended, their tokens, their cost."""

    ended: Mapping[str, int] = field(default_factory=dict)
    sums: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def total(cls, parts: Iterable["Usage"]) -> Self:
        """All of them together."""
        parts = list(parts)
        return cls(
            {name: sum(part.ended.get(name, 0) for part in parts) for name in _ENDED},
            {name: sum(part.sums.get(name, 0) for part in parts) for name in _MEASURES},
        )

    def view(self) -> dict[str, Any]:
        """The sums as clients see them."""
        ended = {name: self.ended.get(name, 0) for name in _ENDED}
        prompt, completion, cached, cost = (self.sums.get(name, 0) for name in _MEASURES)
        return {
            "jobs": sum(ended.values()),
            **ended,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cached_tokens": cached,
            "cost_usd": usd(cost),
        }


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What one user used of one model on one day (UTC)."""

    user: str
    day: date
    model: str
    usage: Usage


class UsageBook:
    """Reads the sums in Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def of_user(self, user: str, first: date, last: date) -> list[UsageLine]:
        """The lines of one user, oldest first. Raises redis.RedisError."""
        return await self._lines([(user, day) for day in _days(first, last)])

    async def of_all(self, first: date, last: date) -> list[UsageLine]:
        """The lines of all users, oldest first. Raises redis.RedisError."""
        days = _days(first, last)
        pipe = self._redis.pipeline(transaction=False)
        for day in days:
            pipe.smembers(account_keys.users_of_day(_number(day)))
        users = await pipe.execute()
        return await self._lines(
            [(user, day) for day, names in zip(days, users, strict=True) for user in sorted(names)]
        )

    async def spent_nano(self, user: str, month: str) -> int:
        """Billionths of a dollar spent in a month such as 2026-11."""
        return int(cast("str | None", await self._redis.get(account_keys.spent(user, month))) or 0)

    async def _lines(self, wanted: Sequence[tuple[str, date]]) -> list[UsageLine]:
        pipe = self._redis.pipeline(transaction=False)
        for user, day in wanted:
            pipe.hgetall(account_keys.usage(user, _number(day)))
        hashes = await pipe.execute() if wanted else []
        return [
            UsageLine(user, day, model, usage)
            for (user, day), raw in zip(wanted, hashes, strict=True)
            for model, usage in _by_model(raw).items()
        ]


def grouped(lines: Iterable[UsageLine], name: str) -> list[dict[str, Any]]:
    """The lines summed by their ``name`` (user or model), the costliest and busiest first."""
    groups: dict[str, list[Usage]] = {}
    for line in lines:
        groups.setdefault(getattr(line, name), []).append(line.usage)
    views = [{name: key, **Usage.total(parts).view()} for key, parts in groups.items()]
    return sorted(views, key=lambda view: (-view["cost_usd"], -view["total_tokens"], view[name]))


def today() -> date:
    """This day in UTC, where days of usage begin and end."""
    return datetime.now(UTC).date()


def _by_model(raw: Mapping[str, str]) -> dict[str, Usage]:
    """A day's hash, whose fields read ``{what}|{model}``."""
    ended: dict[str, dict[str, int]] = {}
    sums: dict[str, dict[str, int]] = {}
    for name, amount in raw.items():
        what, _, model = name.partition("|")
        kind = ended if what in _ENDED else sums
        kind.setdefault(model, {})[what] = int(amount)
    models = sorted(ended.keys() | sums.keys())
    return {model: Usage(ended.get(model, {}), sums.get(model, {})) for model in models}


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def _number(day: date) -> int:
    return (day - _EPOCH).days
