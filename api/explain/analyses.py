"""Which analysis a context is for: the union of all, told apart by ``analysis_type``."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from api.explain.context import Context
from api.explain.earnings import EarningsContext, FundamentalContext
from api.explain.macro import MacroContext
from api.explain.options import OptionsContext, VolatilityContext
from api.explain.portfolio import PortfolioContext, RiskContext
from api.explain.sentiment import SentimentContext
from api.explain.technical import TechnicalContext

#: Each analysis and what else it is called.
NAMES: Mapping[str, tuple[str, ...]] = {
    "sentiment": ("news_sentiment", "social_sentiment"),
    "options": ("option", "greeks", "options_greeks"),
    "volatility": ("iv", "iv_rank", "implied_volatility"),
    "technical": ("technicals", "technical_analysis"),
    "earnings": ("earnings_report",),
    "fundamental": ("fundamentals", "valuation"),
    "risk": ("risk_assessment",),
    "portfolio": ("portfolio_risk", "portfolio_analysis"),
    "macro": ("macroeconomic", "economy", "economic"),
}
_KNOWN = {name: analysis for analysis, others in NAMES.items() for name in (analysis, *others)}


def analysis_of(analysis_type: str) -> str:
    """The analysis that is meant, or ``general``."""
    return _KNOWN.get(re.sub(r"[\s-]+", "_", analysis_type.strip().lower()), "general")


def _tag(context: Any) -> str:
    """The union's member, marked so that it leaves no trace in errors."""
    said = context.get("analysis_type") if isinstance(context, dict) else None
    return f"={analysis_of(said)}" if isinstance(said, str) else "=general"


class _AnyOf:
    """A context may look like several of them: only its name chooses."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shown = handler(schema)
        return {"anyOf": shown["oneOf"]}


AnyContext = Annotated[
    Annotated[SentimentContext, Tag("=sentiment")]
    | Annotated[OptionsContext, Tag("=options")]
    | Annotated[VolatilityContext, Tag("=volatility")]
    | Annotated[TechnicalContext, Tag("=technical")]
    | Annotated[EarningsContext, Tag("=earnings")]
    | Annotated[FundamentalContext, Tag("=fundamental")]
    | Annotated[RiskContext, Tag("=risk")]
    | Annotated[PortfolioContext, Tag("=portfolio")]
    | Annotated[MacroContext, Tag("=macro")]
    | Annotated[Context, Tag("=general")],
    Discriminator(_tag),
    _AnyOf(),
]
