"""What ``make guard`` reads from its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GuardSettings(BaseSettings):
    """Where things are and go."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    state_dir: Path = Field(Path("var"), description="the downloads are kept in guard/ in it")
