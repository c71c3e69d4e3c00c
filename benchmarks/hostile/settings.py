"""How much load, and for how long."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class HostileBenchSettings(BaseSettings):
    """Read from the environment, as HOSTILE_BENCH_ROUNDS and so on."""

    model_config = {"env_prefix": "HOSTILE_BENCH_"}

    rounds: int = Field(9, ge=1, description="of good clients alone, and beside bad ones")
    seconds: float = Field(6.0, gt=0, description="of a turn")
    per_second: float = Field(
        15.0, gt=0, description="requests of good clients, as many of bad ones"
    )
    tokens: int = Field(10, ge=1, description="of a good client's job")
    model: Path = Field(
        Path("var/models/SmolLM2-135M-Instruct"), description="whose tokenizer the gateway uses"
    )
