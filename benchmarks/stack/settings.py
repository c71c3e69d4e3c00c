"""What ``python -m benchmarks.stack`` reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StackBenchSettings(BaseSettings):
    """Read from the environment, as STACK_BENCH_ROUNDS and so on."""

    model_config = SettingsConfigDict(env_prefix="STACK_BENCH_", frozen=True)

    engines: str = "llamacpp transformers"
    rounds: int = Field(10, ge=1, description="turns of the stack and of the bare engine")
    peer_rounds: int = Field(3, ge=1, description="turns of other servers, which are slow")
    clients: int = Field(3, ge=1, description="in a closed loop; as many as slots")
    jobs: int = Field(2, ge=1, description="of a client in a turn")
    tokens: int = Field(64, ge=1, description="of an answer")
