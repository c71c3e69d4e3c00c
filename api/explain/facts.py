"""Facts by name: those that an analysis knows, with their units, and any others."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from api.explain.units import SUFFIXES, UNITS, Unit
from api.schemas import LIMITS, OutOfLimits, Shape, clean

Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class Facts(Shape):
    """Known fields are checked; all others are carried along as they are."""

    model_config = ConfigDict(extra="allow")

    #: Fields that are no facts but say what these are about.
    about: ClassVar[frozenset[str]] = frozenset()

    _order: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, dict):
            check_json({k: v for k, v in given.items() if k not in cls.about}, "", depth=0)
        facts = handler(given)
        facts._order = tuple(given) if isinstance(given, dict) else ()  # noqa: SLF001
        return facts

    def given(self) -> Iterator[tuple[str, Any, Unit | None]]:
        """Name, value and unit of each fact that was sent, in the order in which they came."""
        extra = self.model_extra or {}
        for name in self._order:
            if name not in self.about:
                value = extra[name] if name in extra else getattr(self, name)
                yield name, value, self._unit(name)

    def texts(self) -> Iterator[str]:
        """What is said in words: names that nobody knows, and every text among the values."""
        for name, value, _ in self.given():
            if name not in type(self).model_fields:
                yield words(name)
            yield from _texts(value)

    def _unit(self, name: str) -> Unit | None:
        """By its field, or for one that nobody knows by how its name ends."""
        field = type(self).model_fields.get(name)
        if field is None:
            return SUFFIXES.get(name.lower().rpartition("_")[2]) if "_" in name else None
        shown = field.json_schema_extra
        return UNITS.get(str(shown.get("x-unit"))) if isinstance(shown, dict) else None


def words(name: str) -> str:
    """The name of a field as it would be said."""
    return name.replace("_", " ")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Facts):
        yield from value.texts()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield words(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def check_json(value: Any, path: str, depth: int) -> None:
    """Raise OutOfLimits unless ``value`` is JSON of readable size and depth."""
    if depth > LIMITS["context depth"].maximum:
        raise OutOfLimits(path, "context depth", value, "is nested too deeply")
    if isinstance(value, str):
        _check_text(value, path, "context text")
    elif isinstance(value, float) and not math.isfinite(value):
        raise OutOfLimits(path, "context text", value, "is not a finite number")
    elif isinstance(value, list):
        _check_size(value, path, "context list")
        for index, item in enumerate(value):
            check_json(item, f"{path}.{index}", depth + 1)
    elif isinstance(value, dict):
        _check_size(value, path, "context")
        for key, item in value.items():
            inner = f"{path}.{key}".lstrip(".")
            _check_text(key, inner, "context key")
            check_json(item, inner, depth + 1)


def _check_text(value: str, path: str, name: str) -> None:
    _check_size(value, path, name)
    try:
        clean(value)
    except ValueError as error:
        raise OutOfLimits(path, name, value, str(error)) from None


def _check_size(value: str | list[Any] | dict[str, Any], path: str, name: str) -> None:
    limit = LIMITS[name]
    low = 0 if isinstance(value, dict) else limit.minimum
    if not low <= len(value) <= limit.maximum:
        raise OutOfLimits(path, name, value, f"has {len(value)} {limit.unit}")
