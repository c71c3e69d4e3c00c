"""What ``python -m benchmarks.llamacpp`` reads from its environment."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LlamaCppBenchSettings(BaseSettings):
    """Read from the environment, as LLAMACPP_BENCH_ROUNDS and so on; and LLAMA_SERVER."""

    model_config = SettingsConfigDict(env_prefix="LLAMACPP_BENCH_", frozen=True)

    llama_server: Path | None = Field(
        None,
        validation_alias=AliasChoices("LLAMA_SERVER"),
        exclude=True,
        description="the program; else that of PATH, else xllamacpp's own",
    )
    rounds: int = Field(11, ge=1, description="turns of each")
    clients: int = Field(3, ge=1, description="in a closed loop; as many as slots")
    jobs: int = Field(2, ge=1, description="of a client in a turn")
    tokens: int = Field(64, ge=1, description="of an answer")
