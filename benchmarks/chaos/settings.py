"""What ``make chaos`` reads from its environment."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: What a child may inherit; any other variable of this machine could change its settings.
INHERITED = ("HOME", "LANG", "PATH", "TMPDIR", "SSL_CERT_FILE")


class ChaosSettings(BaseSettings):
    """How much, in which order, and where to."""

    model_config = SettingsConfigDict(env_prefix="CHAOS_", env_ignore_empty=True, frozen=True)

    jobs: int = Field(5000, ge=1, le=1_000_000, description="jobs of the first scenario")
    seed: int = Field(1, ge=0)
    scenarios: Annotated[tuple[str, ...], NoDecode] = Field((), description="all, if empty")
    models: Path = Field(Path("var"), description="the STATE_DIR that holds the default model")
    out: Path = Path("docs/benchmarks")

    @field_validator("scenarios", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    def at_most(self, jobs: int) -> int:
        """The jobs of a scenario that needs ``jobs``, or fewer in a small run."""
        return min(jobs, self.jobs)


def inherited() -> dict[str, str]:
    """The environment that the processes of a trial start from."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}
