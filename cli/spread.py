"""Options that several verbs share, written once as a dataclass."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with each parameter that is a dataclass replaced by that class's fields.

    typer reads the options of a command from its signature.
    """
    signature = inspect.signature(verb)
    classes: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if is_dataclass(parameter.annotation)
    }

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        for name, made in classes.items():
            given[name] = made(**{field.name: given.pop(field.name) for field in fields(made)})
        verb(**given)

    spreaded = [one for parameter in signature.parameters.values() for one in _of(parameter)]
    command.__signature__ = signature.replace(parameters=spreaded)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in spreaded}
    return command


def _of(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not is_dataclass(parameter.annotation):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    for field in fields(parameter.annotation):
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
