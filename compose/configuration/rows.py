"""What there is to set: one row a variable, read from the classes that the processes read."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from worker.settings import WorkerSettings

#: Whose settings a module's classes are; the module of the class that declares the field.
PROCESSES = {
    "common": "all",
    "api": "gateway",
    "worker": "workers",
    "worker.webhooks": "webhook worker",
    "cli": "`make run`, Flower",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable; ``default`` is '' where there is none."""

    name: str
    aliases: tuple[str, ...]
    processes: tuple[str, ...]
    kind: str
    default: str
    meaning: str
    secret: bool


def settings() -> list[Setting]:
    """Every variable of every process, in the order of the classes, each once."""
    found: dict[str, Setting] = {}
    for model in (WorkerSettings, ApiSettings, LauncherSettings):
        for setting in _of(model):
            known = found.get(setting.name)
            if known is None:
                found[setting.name] = setting
            elif known.processes != setting.processes:
                found[setting.name] = _shared(known, setting)
    return list(found.values())


def _of(model: type[BaseSettings]) -> Iterator[Setting]:
    schema = model.model_json_schema(by_alias=False)
    for name, field in model.model_fields.items():
        if not field.description:
            raise ValueError(f"{model.__name__}.{name} needs a description")
        alias = field.validation_alias
        names = [str(it) for it in alias.choices] if isinstance(alias, AliasChoices) else [name]
        yield Setting(
            name=names[0].upper(),
            aliases=tuple(it.upper() for it in names[1:]),
            processes=(_process(model, name),),
            kind=_kind(schema["properties"][name], schema.get("$defs", {})),
            default=_default(field),
            meaning=field.description,
            secret=_is_secret(field),
        )


def _process(model: type[BaseSettings], name: str) -> str:
    """Whose the field is: that of the last class in the order of resolution that declares it."""
    owner = next(
        it for it in reversed(model.__mro__) if name in vars(it).get("__annotations__", ())
    )
    packages = owner.__module__.split(".")
    while ".".join(packages) not in PROCESSES:
        packages.pop()
    return PROCESSES[".".join(packages)]


def _shared(first: Setting, second: Setting) -> Setting:
    """What two processes read under one name; the first one's meaning."""
    values = {name: getattr(first, name) for name in Setting.__slots__}
    return Setting(**{**values, "processes": first.processes + second.processes})


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None or value in ({}, []) else str(value)


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _kind(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """The type and its limits in a few words."""
    if "anyOf" in schema:
        (schema,) = (it for it in schema["anyOf"] if it.get("type") != "null")
    if "$ref" in schema:
        schema = known[Path(schema["$ref"]).name]
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    kind = {"boolean": "`true` `false`", "object": "JSON", "string": "text"}.get(schema["type"])
    if schema.get("format") == "path":
        return "path"
    return kind or _range(schema)


def _range(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    kind = "integer" if schema["type"] == "integer" else "number"
    over = "over " if "exclusiveMinimum" in schema else ""
    if low is None and high is None:
        return kind
    return f"{kind}, {over}{low:g}{f' to {high}' if high is not None else ' or more'}"
