"""Risk: of one asset, or of a portfolio."""

from typing import Annotated, ClassVar

from pydantic import Field

from api.explain.context import Context, Template
from api.explain.facts import Facts
from api.explain.units import AMOUNT, COUNT, PERCENT, PRICE, RATIO, SCORE, SHARE, VOLATILITY, fact
from api.schemas import LIMITS, SpokenText, length


class Position(Facts):
    """One holding."""

    symbol: Annotated[str, length("symbol"), SpokenText] | None = None
    weight: float | None = fact(SHARE, "Of the portfolio's value")
    weight_percent: float | None = fact(PERCENT, "The same")
    value: float | None = fact(AMOUNT, "Negative if sold short")
    quantity: float | None = fact(RATIO, "Units held")
    beta: float | None = fact(RATIO, "Moves so much for each 1 % of the market")


class RiskContext(Context):
    """`analysis_type: risk`."""

    template: ClassVar[Template] = Template(
        "risk data for {symbol}",
        "how risky {symbol} is, and what these numbers mean for an investor",
    )

    volatility: float | None = fact(VOLATILITY, "Of its value")
    beta: float | None = fact(RATIO, "Moves so much for each 1 % of the market")
    sharpe_ratio: float | None = fact(RATIO, "Return over the safe one for each unit of risk")
    sortino_ratio: float | None = fact(RATIO, "The same, for downward risk alone")
    var_95: float | None = fact(PRICE, "Loss that 95 of 100 days stay under")
    var_99: float | None = fact(PRICE, "Loss that 99 of 100 days stay under")
    expected_shortfall: float | None = fact(PRICE, "Mean loss of the worse days")
    max_drawdown_percent: float | None = fact(PERCENT, "Largest fall from a peak")
    correlation: float | None = fact(SCORE, "With the market")


class PortfolioContext(RiskContext):
    """`analysis_type: portfolio` or `portfolio_risk`."""

    template: ClassVar[Template] = Template(
        "data on {symbol}",
        "how well it is diversified, and where its risk lies",
        nameless="a portfolio",
    )

    total_value: float | None = fact(AMOUNT, "Of all positions")
    cash_percent: float | None = fact(PERCENT, "Of the total")
    leverage: float | None = fact(RATIO, "Exposure over equity")
    position_count: float | None = fact(COUNT, "How many there are")
    positions: Annotated[
        list[Position] | None, Field(max_length=int(LIMITS["context list"].maximum))
    ] = None
