"""What a process has logged. It may be in the middle of a line, and write the next after its answer."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.processes import Process
from tests.support.waiting import wait_until


def records(process: Process) -> list[dict[str, Any]]:
    """Its whole lines, decoded; those of a program that does not log as we do are left out."""
    return list(_records(process.output()))


def wait_for_record(process: Process, **fields: Any) -> dict[str, Any]:
    """The one record with these fields, once it is written."""

    def found() -> list[dict[str, Any]]:
        return [one for one in records(process) if fields.items() <= one.items()]

    (record,) = wait_until(found, what=f"a line of {process.name} with {fields}")
    return record


def _records(output: str) -> Iterator[dict[str, Any]]:
    whole, _, _ = output.rpartition("\n")
    for line in whole.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
