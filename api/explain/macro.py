"""The economy as a whole."""

from typing import ClassVar

from api.explain.context import Context, Template
from api.explain.units import BASIS_POINTS, OF_100, PERCENT, RATIO, fact


class MacroContext(Context):
    """`analysis_type: macro`."""

    template: ClassVar[Template] = Template(
        "economic data for {symbol}",
        "what these numbers say about {symbol}, and what they mean for investors",
        nameless="the economy",
    )

    gdp_growth: float | None = fact(PERCENT, "Of the gross domestic product, a year")
    inflation_rate: float | None = fact(PERCENT, "A year")
    cpi: float | None = fact(PERCENT, "Change of consumer prices, a year")
    core_cpi: float | None = fact(PERCENT, "The same without food and energy")
    unemployment_rate: float | None = fact(PERCENT, "Of the labour force")
    fed_funds_rate: float | None = fact(PERCENT, "The central bank's rate")
    policy_rate: float | None = fact(PERCENT, "The central bank's rate")
    yield_2y: float | None = fact(PERCENT, "Of 2-year government bonds")
    yield_10y: float | None = fact(PERCENT, "Of 10-year government bonds")
    yield_spread_bps: float | None = fact(BASIS_POINTS, "10 years over 2 years")
    pmi: float | None = fact(OF_100, "Purchasing managers: over 50 is growth")
    consumer_confidence: float | None = fact(RATIO, "Index")
    vix: float | None = fact(RATIO, "Volatility index of the market")
    dollar_index: float | None = fact(RATIO, "The dollar against other currencies")
