"""The size of the measurement, by environment: FAIRNESS_BENCH_PAIRS and so on."""

from pydantic import Field
from pydantic_settings import BaseSettings


class FairnessBenchSettings(BaseSettings):
    """Read from the environment."""

    model_config = {"env_prefix": "FAIRNESS_BENCH_"}

    pairs: int = Field(4, ge=1, description="rounds of all variants")
    requests: int = Field(25, ge=1, description="of the quiet user in a run")
    fifo_requests: int = Field(3, ge=1, description="of them where nothing is fair: they are slow")
    waiting: int = Field(100, ge=1, description="jobs of the noisy user that always wait")
    tokens: int = Field(40, ge=1, description="of a job")
    tokens_per_second: int = Field(50, ge=1, description="of each of the three slots")
    think_seconds: float = Field(0.5, gt=0, description="mean pause between two requests")
