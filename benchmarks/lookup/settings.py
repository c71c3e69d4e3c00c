"""What ``python -m benchmarks.lookup`` reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LookupBenchSettings(BaseSettings):
    """Read from the environment, as LOOKUP_BENCH_ROUNDS and so on."""

    model_config = SettingsConfigDict(env_prefix="LOOKUP_BENCH_", frozen=True)

    engines: str = Field("llamacpp,bf16", description="llamacpp, or precisions of transformers")
    streams: str = Field("1,3", description="explanations at a time, 3 at most")
    rounds: int = Field(4, ge=1, description="turns of each, after one that warms up")
    drafts: int = Field(3, ge=1, le=16, description="ids of a draft, at most")
    tokens: int = Field(64, ge=1, description="of an explanation, at most")
    temperature: float = Field(0.1, ge=0, description="as /explain has it, unless it is asked")

    def shapes(self) -> list[tuple[str, list[int]]]:
        """The engines, each with the streams that it is measured with."""
        streams = [int(number) for number in self.streams.split(",")]
        return [(engine, streams) for engine in self.engines.split(",")]
