"""The size of the measurement, by environment: BATCH_BENCH_PAIRS and so on."""

from pydantic import Field
from pydantic_settings import BaseSettings


class BatchBenchSettings(BaseSettings):
    """Read from the environment."""

    model_config = {"env_prefix": "BATCH_BENCH_"}

    pairs: int = Field(5, ge=1, description="runs with and without a batch")
    seconds: float = Field(40.0, gt=0, description="of interactive load in a run")
    lines: int = Field(5000, ge=1)
    line_tokens: int = Field(40, ge=1)
    request_tokens: int = Field(40, ge=1)
    tokens_per_second: int = Field(50, ge=1, description="of each of the three slots")
    load: float = Field(0.5, gt=0, lt=1, description="part of the slots that requests take")
    priority: str = "normal"
