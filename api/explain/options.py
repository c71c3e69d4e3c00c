"""Options, their greeks, and volatility."""

from typing import ClassVar, Literal

from pydantic import Field

from api.explain.context import Context, Template
from api.explain.facts import Facts
from api.explain.units import (
    A_DAY,
    AMOUNT,
    COUNT,
    DAYS,
    DELTA,
    OF_100,
    PER_DOLLAR,
    PER_POINT,
    PRICE,
    RATIO,
    SHARE,
    VOLATILITY,
    fact,
)


class Greeks(Facts):
    """How the price of an option moves."""

    delta: float | None = fact(DELTA, "With the price of the underlying")
    gamma: float | None = fact(PER_DOLLAR, "How delta moves with it")
    theta: float | None = fact(A_DAY, "With each day that passes")
    vega: float | None = fact(PER_POINT, "With implied volatility")
    rho: float | None = fact(PER_POINT, "With interest rates")


class _Volatile(Context):
    implied_volatility: float | None = fact(VOLATILITY, "That the option's price implies")
    historical_volatility: float | None = fact(VOLATILITY, "That was seen")
    realized_volatility: float | None = fact(VOLATILITY, "That was seen")
    iv_percentile: float | None = fact(OF_100, "Share of days with lower implied volatility")
    days_to_expiration: float | None = fact(DAYS, "Until the option expires")


class OptionsContext(_Volatile, Greeks):
    """`analysis_type: options`; greeks at the top or under `greeks`."""

    template: ClassVar[Template] = Template(
        "options data for {symbol}",
        "what these numbers mean for somebody who holds this option on {symbol}",
    )

    option_type: Literal["call", "put"] | None = Field(None, description="Right to buy, or to sell")
    greeks: Greeks | None = None
    strike: float | None = fact(PRICE, "Price at which it may be exercised")
    strike_price: float | None = fact(PRICE, "The same")
    underlying_price: float | None = fact(PRICE, "Of what the option is on")
    premium: float | None = fact(PRICE, "Price of the option, per unit of the underlying")
    bid: float | None = fact(PRICE, "Best offer to buy it")
    ask: float | None = fact(PRICE, "Best offer to sell it")
    breakeven: float | None = fact(PRICE, "Price of the underlying at which it pays for itself")
    max_profit: float | None = fact(PRICE, "At expiration")
    max_loss: float | None = fact(PRICE, "At expiration")
    profit_loss: float | None = fact(AMOUNT, "Since it was bought")
    probability_of_profit: float | None = fact(SHARE, "At expiration")
    open_interest: float | None = fact(COUNT, "Contracts that are open")
    contracts: float | None = fact(COUNT, "Held; each is for 100 units as a rule")
    put_call_ratio: float | None = fact(RATIO, "Puts traded for each call")


class VolatilityContext(_Volatile):
    """`analysis_type: volatility`."""

    template: ClassVar[Template] = Template(
        "volatility data for {symbol}",
        "whether volatility is high or low, and what that means for an investor in {symbol}",
    )

    iv_high: float | None = fact(VOLATILITY, "Highest of a year")
    iv_low: float | None = fact(VOLATILITY, "Lowest of a year")
    vix: float | None = fact(RATIO, "Volatility index of the market")
