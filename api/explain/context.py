"""What every analysis may be told, and the general one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from api.explain.facts import Currency, Facts, words
from api.explain.units import AMOUNT, COUNT, OF_100, PERCENT, PRICE, fact
from api.schemas import SpokenText, length


@dataclass(frozen=True, slots=True)
class Template:
    """How the facts are introduced, and what is asked; ``{symbol}`` is filled in."""

    facts: str
    question: str
    nameless: str = "this asset"  #: what stands for a symbol that is not given


class Context(Facts):
    """Any analysis: further fields are facts, and are shown to the model as they are."""

    about: ClassVar[frozenset[str]] = frozenset({"analysis_type", "symbol", "currency"})
    template: ClassVar[Template] = Template(
        "{analysis} data for {symbol}", "what these numbers mean for an investor in {symbol}"
    )

    def texts(self) -> Iterator[str]:
        yield words(self.analysis_type)
        if self.symbol is not None:
            yield self.symbol
        yield from super().texts()

    analysis_type: Annotated[str, length("analysis_type"), SpokenText] = Field(
        description="sentiment, options, volatility, technical, earnings, fundamental, risk, "
        "portfolio, macro; any other gets a general explanation"
    )
    symbol: Annotated[str, length("symbol"), SpokenText] | None = Field(
        None, description="What it is about, such as a ticker"
    )
    currency: Currency = Field("USD", description="Of all amounts")
    current_price: float | None = fact(PRICE, "Last price")
    previous_close: float | None = fact(PRICE, "Price before the last session")
    price_change: float | None = fact(AMOUNT, "Since the previous close")
    price_change_percent: float | None = fact(PERCENT, "Since the previous close")
    volume: float | None = fact(COUNT, "Traded in the last session")
    average_volume: float | None = fact(COUNT, "Traded in a usual session")
    market_cap: float | None = fact(PRICE, "Market capitalization")
    iv_rank: float | None = fact(
        OF_100, "Implied volatility between its lowest (0) and highest (100) of a year"
    )
