"""Results of a company, and what it is worth."""

from typing import ClassVar

from api.explain.context import Context, Template
from api.explain.units import AMOUNT, DAYS, PERCENT, PRICE, RATIO, fact


class EarningsContext(Context):
    """`analysis_type: earnings`."""

    template: ClassVar[Template] = Template(
        "earnings data for {symbol}",
        "how these results compare with what was expected, and what they mean for an investor "
        "in {symbol}",
    )

    eps_actual: float | None = fact(AMOUNT, "Earnings per share, reported")
    eps_estimate: float | None = fact(AMOUNT, "Earnings per share, expected")
    eps_surprise_percent: float | None = fact(PERCENT, "How far the two are apart")
    revenue_actual: float | None = fact(AMOUNT, "Reported")
    revenue_estimate: float | None = fact(AMOUNT, "Expected")
    revenue_growth_percent: float | None = fact(PERCENT, "Since a year ago")
    gross_margin_percent: float | None = fact(PERCENT, "Of revenue")
    expected_move_percent: float | None = fact(PERCENT, "Of the price, that options imply")
    days_to_earnings: float | None = fact(DAYS, "Until the report")


class FundamentalContext(Context):
    """`analysis_type: fundamental`."""

    template: ClassVar[Template] = Template(
        "fundamental data for {symbol}",
        "what these numbers say about the value of {symbol}, and what they mean for an investor",
    )

    pe_ratio: float | None = fact(RATIO, "Price for each unit of yearly earnings")
    forward_pe: float | None = fact(RATIO, "The same, of next year's earnings")
    peg_ratio: float | None = fact(RATIO, "Price/earnings over growth")
    price_to_book: float | None = fact(RATIO, "Price for each unit of book value")
    price_to_sales: float | None = fact(RATIO, "Price for each unit of yearly sales")
    debt_to_equity: float | None = fact(RATIO, "Debt for each unit of equity")
    eps: float | None = fact(AMOUNT, "Earnings per share")
    free_cash_flow: float | None = fact(AMOUNT, "Of a year")
    book_value: float | None = fact(PRICE, "Per share")
    roe_percent: float | None = fact(PERCENT, "Return on equity")
    profit_margin_percent: float | None = fact(PERCENT, "Of revenue")
    revenue_growth_percent: float | None = fact(PERCENT, "Since a year ago")
    dividend_yield_percent: float | None = fact(PERCENT, "Of the price, a year")
