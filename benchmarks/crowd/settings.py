"""How large the crowd is."""

from pydantic import Field
from pydantic_settings import BaseSettings


class CrowdBenchSettings(BaseSettings):
    """Read from the environment, as CROWD_BENCH_STREAMS and so on."""

    model_config = {"env_prefix": "CROWD_BENCH_"}

    streams: int = Field(1000, ge=1, description="readers of server-sent events")
    polls: int = Field(5000, ge=1, description="who wait for an end")
    jobs: int = Field(100, ge=1, description="what they wait for, each an equal part")
    tokens: int = Field(40, ge=1, description="of a job")
    tokens_per_second: float = Field(20.0, gt=0, description="of a running job")
    slots: int = Field(10, ge=1, description="jobs that run at once")
    idle_seconds: float = Field(5.0, gt=0, description="in which all wait and nothing happens")
