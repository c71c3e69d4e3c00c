"""An explanation of financial data."""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from api.explain.analyses import AnyContext
from api.explain.fence import Fence
from api.explain.prompt import explain_prompt
from api.requests.job import JobRequest
from common.job import JobKind
from common.prompt import Prompt

_EXAMPLES: list[Any] = [
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
    },
    {
        "context": {
            "analysis_type": "options",
            "symbol": "AAPL",
            "option_type": "call",
            "strike": 155,
            "days_to_expiration": 30,
            "implied_volatility": 0.32,
            "iv_rank": 65,
            "greeks": {"delta": 0.42, "gamma": 0.03, "theta": -0.08, "vega": 0.17},
        },
        "system_prompt": "You are a financial AI assistant specialized in options trading.",
    },
    {
        "context": {
            "analysis_type": "portfolio_risk",
            "total_value": 250000,
            "var_95": 4200,
            "beta": 1.1,
            "positions": [{"symbol": "AAPL", "weight": 0.4}, {"symbol": "MSFT", "weight": 0.6}],
        },
        "priority": "high",
    },
]


class ExplainRequest(JobRequest):
    """Explain financial data in plain words."""

    model_config = ConfigDict(json_schema_extra={"examples": _EXAMPLES})

    job_kind: ClassVar[JobKind] = JobKind.EXPLAIN
    prompt_field: ClassVar[str] = "context"

    context: AnyContext = Field(description="What is to be explained, and its facts")

    def to_prompt(self, fence: Fence) -> Prompt:
        """The question about these facts."""
        return explain_prompt(self.context, fence, self.system_prompt)
