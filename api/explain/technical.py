"""Trend and momentum."""

from typing import ClassVar

from api.explain.context import Context, Template
from api.explain.units import AMOUNT, OF_100, PRICE, RATIO, fact


class TechnicalContext(Context):
    """`analysis_type: technical`."""

    template: ClassVar[Template] = Template(
        "technical indicators for {symbol}",
        "what these indicators say about its trend, and what they mean for an investor in {symbol}",
    )

    rsi: float | None = fact(
        OF_100, "Relative strength index: under 30 oversold, over 70 overbought"
    )
    macd: float | None = fact(RATIO, "Moving average convergence divergence")
    macd_signal: float | None = fact(RATIO, "Its moving average")
    macd_histogram: float | None = fact(RATIO, "The difference of the two")
    adx: float | None = fact(OF_100, "Average directional index: over 25 a strong trend")
    stochastic_k: float | None = fact(OF_100, "Stochastic oscillator, fast line")
    stochastic_d: float | None = fact(OF_100, "Stochastic oscillator, slow line")
    sma_20: float | None = fact(PRICE, "Mean price of 20 sessions")
    sma_50: float | None = fact(PRICE, "Mean price of 50 sessions")
    sma_200: float | None = fact(PRICE, "Mean price of 200 sessions")
    ema_12: float | None = fact(PRICE, "Exponential mean price of 12 sessions")
    ema_26: float | None = fact(PRICE, "Exponential mean price of 26 sessions")
    vwap: float | None = fact(PRICE, "Volume-weighted mean price")
    atr: float | None = fact(AMOUNT, "Average true range of a session")
    bollinger_upper: float | None = fact(PRICE, "Upper Bollinger band")
    bollinger_lower: float | None = fact(PRICE, "Lower Bollinger band")
    support_level: float | None = fact(PRICE, "Where buyers have stepped in")
    resistance_level: float | None = fact(PRICE, "Where sellers have stepped in")
