"""``caravan generate``: text from a prompt."""

import sys
from typing import Annotated

import typer

from cli.options import Handling, Showing, Writing
from cli.spread import spread


@spread
def generate(
    prompt: Annotated[
        str | None, typer.Argument(help="What you say; - reads it from stdin.")
    ] = None,
    *,
    writing: Writing,
    handling: Handling,
    showing: Showing,
) -> None:
    """Generate text from a prompt, shown as it is written.

    Ctrl-C cancels the job. Piped, stdout is the text and nothing else.

    Examples:
      caravan generate "The future of AI is" -n 50

      head -n 20 README.md | caravan generate -s "You summarize." -n 80
    """
    from cli.verbs.submit import submit

    raise typer.Exit(
        submit("/generate", lambda: {"prompt": _prompt(prompt)}, writing, handling, showing)
    )


def _prompt(given: str | None) -> str:
    """The argument, or stdin where it is ``-`` or missing and somebody pipes. Raises Misused."""
    from cli.client.connect import standard_input
    from cli.faults import Misused

    if given == "-" or (given is None and not sys.stdin.isatty()):
        given = standard_input()
    if not given:
        raise Misused("There is no prompt.", hint='caravan generate "The future of AI is"')
    return given
