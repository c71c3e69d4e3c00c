"""``caravan explain``: financial data in plain words."""

from typing import Annotated, Any

import typer

from cli.options import Handling, Showing, Writing
from cli.spread import spread


@spread
def explain(
    symbol: Annotated[str | None, typer.Argument(help="Of what, such as AAPL.")] = None,
    facts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Such as iv_rank=65 or greeks.delta=0.42."),
    ] = None,
    analysis: Annotated[
        str | None, typer.Option("--type", help="sentiment, options, technical, ... (docs/api.md)")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="The whole context as JSON; - reads it from stdin.")
    ] = None,
    *,
    writing: Writing,
    handling: Handling,
    showing: Showing,
) -> None:
    """Explain financial data in plain words, shown as they are written.

    Ctrl-C cancels the job. Piped, stdout is the text and nothing else.

    Examples:
      caravan explain AAPL --type sentiment sentiment_score=0.75 current_price=150 iv_rank=65

      echo '{"symbol": "AAPL", "iv_rank": 65}' | caravan explain --context -
    """
    from cli.verbs.submit import submit

    def subject() -> dict[str, Any]:
        return {"context": _context(symbol, facts or [], analysis, context)}

    raise typer.Exit(submit("/explain", subject, writing, handling, showing))


def _context(
    symbol: str | None, given: list[str], analysis: str | None, whole: str | None
) -> dict[str, Any]:
    """The context, a part on the command line winning over the same in JSON. Raises Misused."""
    from cli.client.connect import standard_input
    from cli.facts import context_of, facts
    from cli.faults import Misused

    if symbol and "=" in symbol:
        given, symbol = [symbol, *given], None
    base = context_of(standard_input() if whole == "-" else whole) if whole else {}
    found = {**base, **facts(given)}
    if analysis:
        found["analysis_type"] = analysis
    if symbol:
        found["symbol"] = symbol
    if not found:
        example = "caravan explain AAPL --type sentiment sentiment_score=0.75 iv_rank=65"
        raise Misused("There is nothing to explain.", hint=example)
    return {"analysis_type": "general", **found}
