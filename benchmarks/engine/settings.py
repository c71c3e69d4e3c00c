"""How long the engines are compared; by default, four minutes on two cores."""

from pydantic import Field
from pydantic_settings import BaseSettings


class EngineBenchSettings(BaseSettings):
    """Read from the environment, as ENGINE_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "ENGINE_BENCH_"}

    rounds: int = Field(3, ge=1, description="turns of each way")
    precisions: str = Field("bf16:3,8,16 nf4:3,8,16", description="and their streams")
    prompt_tokens: int = Field(100, ge=1, le=800)
    max_tokens: int = Field(32, ge=1, le=200)
    long_prompt_tokens: int = Field(800, ge=1, le=1000, description="of the newcomer beside others")

    def shapes(self) -> list[tuple[str, list[int]]]:
        """Each precision with its numbers of streams."""
        pairs = (entry.partition(":") for entry in self.precisions.split())
        return [
            (name, [int(number) for number in streams.split(",")]) for name, _, streams in pairs
        ]
