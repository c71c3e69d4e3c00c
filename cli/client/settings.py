"""What the client verbs read from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Whom to ask, and as whom; scripts set these instead of logging in."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    caravan_url: str | None = Field(
        None, pattern=r"^https?://", description="the gateway; else that of the last login"
    )
    caravan_api_key: SecretStr | None = Field(None, description="an API key; wins over a token")
    caravan_token: SecretStr | None = Field(None, description="an access token")
    xdg_config_home: Path = Field(Path("~/.config"), description="where the login is kept")
    api_port: int = Field(8000, ge=1, le=65535, description="of the gateway on this machine")

    @property
    def directory(self) -> Path:
        """Where credentials are kept."""
        return self.xdg_config_home.expanduser() / "caravan"

    @property
    def bearer(self) -> str:
        """The key or token of the environment; empty if there is none."""
        secret = self.caravan_api_key or self.caravan_token
        return secret.get_secret_value() if secret else ""

    def url(self, given: str | None, last: str) -> str:
        """The gateway's address: named by an option, the environment, or the last login."""
        found = given or self.caravan_url or last or f"http://127.0.0.1:{self.api_port}"
        return found.rstrip("/")
