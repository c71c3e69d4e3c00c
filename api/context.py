"""The context of an explanation: facts by name."""

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas import LIMITS, JobRequest, OutOfLimits, SpokenText, clean, length


class ExplainContext(BaseModel):
    """What is to be explained; any further fields are facts."""

    model_config = ConfigDict(extra="allow")

    analysis_type: Annotated[str, length("analysis_type"), SpokenText] = Field(
        description="sentiment, technical, options, volatility, earnings, risk, fundamental, "
        "portfolio; any other gets a general explanation"
    )
    symbol: Annotated[str, length("symbol"), SpokenText] | None = Field(
        None, description="What it is about, such as a ticker"
    )

    @model_validator(mode="after")
    def _facts_within_limits(self) -> "ExplainContext":
        _check(self.facts, "", depth=0)
        return self

    @property
    def facts(self) -> dict[str, Any]:
        """The further fields, in the order in which they came."""
        return self.model_extra or {}


class ExplainRequest(JobRequest):
    """Explain financial data in plain words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "context": {
                        "analysis_type": "sentiment",
                        "symbol": "AAPL",
                        "sentiment_score": 0.75,
                        "current_price": 150.0,
                        "iv_rank": 65,
                    },
                    "max_tokens": 200,
                    "temperature": 0.1,
                    "priority": "normal",
                }
            ]
        }
    )

    context: ExplainContext = Field(description="What is to be explained, and its facts")


def _check(value: Any, path: str, depth: int) -> None:
    """Raise OutOfLimits unless ``value`` is JSON of readable size and depth."""
    if depth > LIMITS["context depth"].maximum:
        raise OutOfLimits(path, "context depth", value, "is nested too deeply")
    if isinstance(value, str):
        _check_text(value, path, "context text")
    elif isinstance(value, float) and not math.isfinite(value):
        raise OutOfLimits(path, "context text", value, "is not a finite number")
    elif isinstance(value, list):
        _check_size(value, path, "context list")
        for index, item in enumerate(value):
            _check(item, f"{path}.{index}", depth + 1)
    elif isinstance(value, dict):
        _check_size(value, path, "context")
        for key, item in value.items():
            inner = f"{path}.{key}".lstrip(".")
            _check_text(key, inner, "context key")
            _check(item, inner, depth + 1)


def _check_text(value: str, path: str, name: str) -> None:
    _check_size(value, path, name)
    try:
        clean(value)
    except ValueError as error:
        raise OutOfLimits(path, name, value, str(error)) from None


def _check_size(value: str | list[Any] | dict[str, Any], path: str, name: str) -> None:
    limit = LIMITS[name]
    low = 0 if isinstance(value, dict) else limit.minimum
    if not low <= len(value) <= limit.maximum:
        raise OutOfLimits(path, name, value, f"has {len(value)} {limit.unit}")
