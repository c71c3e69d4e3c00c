"""Options that several verbs share; the words are those of the API."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

PriorityName = Literal["urgent", "high", "normal", "low"]
StatusName = Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]

_WRITING, _JOB, _SHOWN = "How it writes", "The job", "What you see"

Url = Annotated[
    str | None, typer.Option(help="The gateway; else CARAVAN_URL, or that of the last login.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="As `caravan jobs` shows it.")]


def _option(help_text: str, *names: str, panel: str = _JOB, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, metavar=metavar)


@dataclass(frozen=True, slots=True)
class Writing:
    """How the text is made."""

    max_tokens: Annotated[
        int | None, _option("Tokens at most.", "--max-tokens", "-n", panel=_WRITING)
    ] = None
    temperature: Annotated[
        float | None, _option("0 is greedy.", "--temperature", "-t", panel=_WRITING)
    ] = None
    top_p: Annotated[float | None, _option("Nucleus.", panel=_WRITING)] = None
    top_k: Annotated[int | None, _option("0: all.", panel=_WRITING)] = None
    stop: Annotated[list[str] | None, _option("Ends it; may be repeated.", panel=_WRITING)] = None
    seed: Annotated[int | None, _option("Makes it repeatable.", panel=_WRITING)] = None
    system_prompt: Annotated[
        str | None, _option("Who the model is.", "--system-prompt", "-s", panel=_WRITING)
    ] = None


@dataclass(frozen=True, slots=True)
class Handling:
    """What becomes of the job; times are seconds."""

    priority: Annotated[PriorityName | None, _option("Who goes first.", "--priority", "-p")] = None
    deadline: Annotated[
        float | None, _option("Refused or expired if it takes longer.", metavar="SECONDS")
    ] = None
    timeout: Annotated[int | None, _option("It may run so long.", metavar="SECONDS")] = None
    keep_result: Annotated[
        int | None, _option("Its result is kept so long.", metavar="SECONDS")
    ] = None
    webhook_url: Annotated[str | None, _option("Told of its end.")] = None
    metadata: Annotated[
        list[str] | None, _option("Your own KEY=VALUE; may be repeated.", "--metadata", "-m")
    ] = None
    idempotency_key: Annotated[
        str | None, _option("The same key is the same job; otherwise one is made.")
    ] = None
    retry_for: Annotated[
        float, _option("Submit again for so long while limits refuse it.", metavar="SECONDS")
    ] = 0.0


@dataclass(frozen=True, slots=True)
class Showing:
    """What the user sees, and of which gateway."""

    detach: Annotated[
        bool, _option("Print the job's id and return.", "--detach", "-d", panel=_SHOWN)
    ] = False
    keep: Annotated[bool, _option("Ctrl-C leaves the job running.", "--keep", panel=_SHOWN)] = False
    as_json: Annotated[
        bool, _option("The job as JSON, once it has ended.", "--json", panel=_SHOWN)
    ] = False
    url: Annotated[
        str | None,
        _option("The gateway; else CARAVAN_URL, or that of the last login.", panel=_SHOWN),
    ] = None
