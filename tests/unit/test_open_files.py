"""The gateway's limit of open files."""

import resource
from typing import Any

import pytest
from structlog.testing import capture_logs

from api import open_files


class Limits:
    """What the system allows."""

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        self.now = (soft, hard)
        self._refuses = refuses

    def get(self, _: Any) -> tuple[int, int]:
        return self.now

    def set(self, _: Any, limits: tuple[int, int]) -> None:
        if self._refuses:
            raise ValueError("not allowed to raise maximum limit")
        self.now = limits


def raised(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> tuple[int, list[Any]]:
    """The new limit, and what was logged."""
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    with capture_logs() as logs:
        return open_files.raise_limit(), logs


def test_the_soft_limit_becomes_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(1024, 65_536)

    assert raised(monkeypatch, limits) == (65_536, [])
    assert limits.now == (65_536, 65_536)


def test_a_low_hard_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, logs = raised(monkeypatch, Limits(1024, 4096))

    assert limit == 4096
    assert [(one["log_level"], one["limit"]) for one in logs] == [("warning", 4096)]


def test_a_system_that_refuses_keeps_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, logs = raised(monkeypatch, Limits(10_240, resource.RLIM_INFINITY, refuses=True))

    assert (limit, logs) == (10_240, [])
