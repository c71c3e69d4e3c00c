"""From the context of an explanation to the prompt: pure templates, one an analysis type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.prompt import Message, Prompt, Role

#: Short, since small models follow short instructions best.
SYSTEM_PROMPT = "You are a helpful financial analyst who explains market data in plain English."


@dataclass(frozen=True, slots=True)
class Template:
    """How the facts are introduced, and what is asked; ``{symbol}`` is filled in."""

    facts: str
    question: str


_TEMPLATES: Mapping[str, Template] = {
    "sentiment": Template(
        "sentiment data for {symbol}",
        "what these numbers say about the market's mood, and what they mean for an investor "
        "in {symbol}",
    ),
    "technical": Template(
        "technical indicators for {symbol}",
        "what these indicators say about its trend, and what they mean for an investor in {symbol}",
    ),
    "options": Template(
        "options data for {symbol}",
        "what these numbers mean for somebody who holds this option on {symbol}",
    ),
    "volatility": Template(
        "volatility data for {symbol}",
        "whether volatility is high or low, and what that means for an investor in {symbol}",
    ),
    "earnings": Template(
        "earnings data for {symbol}",
        "how these results compare with what was expected, and what they mean for an investor "
        "in {symbol}",
    ),
    "risk": Template(
        "risk data for {symbol}",
        "how risky {symbol} is, and what these numbers mean for an investor",
    ),
    "fundamental": Template(
        "fundamental data for {symbol}",
        "what these numbers say about the value of {symbol}, and what they mean for an investor",
    ),
    "portfolio": Template(
        "data on {symbol}",
        "how well it is diversified, and where its risk lies",
    ),
}
_GENERAL = Template(
    "{analysis} data for {symbol}", "what these numbers mean for an investor in {symbol}"
)
_NO_SYMBOL = {"portfolio": "a portfolio"}
_SAME_AS = {
    "iv": "volatility",
    "implied_volatility": "volatility",
    "option": "options",
    "news_sentiment": "sentiment",
    "fundamentals": "fundamental",
    "risk_assessment": "risk",
}

_ACRONYMS = frozenset(
    [
        "atr",
        "bps",
        "ebitda",
        "eps",
        "etf",
        "fcf",
        "gdp",
        "iv",
        "macd",
        "pe",
        "pnl",
        "put",
        "roe",
        "roi",
        "rsi",
        "sma",
        "ema",
        "usd",
        "var",
        "vix",
        "ytd",
        "yoy",
    ]
) - {"put", "var"}


def explain_prompt(
    analysis_type: str,
    symbol: str | None,
    facts: Mapping[str, Any],
    system_prompt: str | None = None,
) -> Prompt:
    """The conversation that asks for one explanation of these facts."""
    kind = re.sub(r"[\s-]+", "_", analysis_type.strip().lower())
    kind = _SAME_AS.get(kind, kind)
    template = _TEMPLATES.get(kind, _GENERAL)
    names = {
        "symbol": _line(symbol or _NO_SYMBOL.get(kind, "this asset")),
        "analysis": _line(analysis_type),
    }
    parts = [
        f"Here is {template.facts.format(**names)}:",
        "\n".join(f"{label(key)}: {render(value)}" for key, value in facts.items()),
        f"In one short paragraph, explain {template.question.format(**names)}.",
    ]
    return Prompt(
        messages=(
            Message(Role.SYSTEM, system_prompt or SYSTEM_PROMPT),
            Message(Role.USER, "\n\n".join(part for part in parts if part)),
        )
    )


def label(key: str) -> str:
    """A field's name as a person would write it: ``iv_rank`` is "IV rank"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _line(key)).replace("-", "_").split("_")
    named = [word.upper() if word.lower() in _ACRONYMS else word.lower() for word in words if word]
    joined = " ".join(named)
    return joined[:1].upper() + joined[1:]


def render(value: Any) -> str:
    """A fact on one line: it cannot pretend to be another fact."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list):
        between = "; " if any(isinstance(item, dict) for item in value) else ", "
        return between.join(render(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{label(key).lower()} {render(item)}" for key, item in value.items())
    return _line(str(value))


def _line(text: str) -> str:
    return " ".join(text.split())
