"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.doctor.scene import Scene


class Level(StrEnum):
    """How bad it is; only ``fail`` makes the exit status 1."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, what was seen, and the fix for it."""

    name: str
    level: Level
    said: str
    fix: str = ""

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


#: Looks at one subject. What it cannot look at, it does not report.
Check = Callable[["Scene"], Iterator[Finding]]


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, Level.OK, said)


def info(name: str, said: str, fix: str = "") -> Finding:
    """Good to know."""
    return Finding(name, Level.INFO, said, fix)


def warn(name: str, said: str, fix: str) -> Finding:
    """It works, and will hurt some day."""
    return Finding(name, Level.WARN, said, fix)


def fail(name: str, said: str, fix: str) -> Finding:
    """It does not work, or loses what it promises to keep."""
    return Finding(name, Level.FAIL, said, fix)
