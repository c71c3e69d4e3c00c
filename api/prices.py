"""What tokens cost: by model, frozen into a job's record when it is submitted."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

#: Money is counted in billionths of a dollar, so that sums are exact.
NANO = 1_000_000_000


class ModelPrice(BaseModel):
    """USD for 1,000 tokens; cached prompt tokens cost what others do unless it says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(0.0, ge=0, le=1000)
    completion: float = Field(0.0, ge=0, le=1000)
    cached: float | None = Field(None, ge=0, le=1000)

    @property
    def nano(self) -> list[int]:
        """Prompt, completion, cached: billionths of a dollar for 1,000 tokens."""
        cached = self.prompt if self.cached is None else self.cached
        return [round(price * NANO) for price in (self.prompt, self.completion, cached)]


def frozen_prices(models: Mapping[str, ModelPrice], fallback: float) -> str:
    """The prices as account() in usage.lua reads them; '' where nothing costs anything.

    ``fallback`` is for 1,000 tokens of a model that is not named, prompt and completion alike.
    """
    if not models and not fallback:
        return ""
    default = ModelPrice(prompt=fallback, completion=fallback)
    prices = {"": default.nano} | {name: price.nano for name, price in models.items()}
    if not any(any(price) for price in prices.values()):
        return ""
    return json.dumps(prices, separators=(",", ":"), sort_keys=True)


def usd(nano: int) -> float:
    """Billionths of a dollar as dollars."""
    return round(nano / NANO, 9)
