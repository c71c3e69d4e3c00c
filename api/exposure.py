"""How the gateway meets the outside, from the environment: TLS, proxies, pages, limits."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.addresses import Network
from common.settings import MIN_KEY_BYTES, AppEnv, CommonSettings, networks


class ExposureSettings(CommonSettings):
    """What strangers can reach, and how much of it."""

    tls_cert: Path | None = Field(None, description="certificate chain (PEM): serves https itself")
    tls_key: Path | None = Field(None, description="private key (PEM) of TLS_CERT")
    trusted_proxies: str = Field("", description="CIDRs whose X-Forwarded-For/-Proto count")
    docs_enabled: bool | None = Field(
        None, description="serves /docs and /openapi.json; not in production unless set"
    )
    metrics_public: bool | None = Field(
        None, description="/metrics needs no token; in production it does unless set"
    )
    metrics_token: SecretStr | None = Field(
        None, description="what Prometheus sends as Authorization: Bearer"
    )
    tokens_per_minute: int = Field(
        0, ge=0, le=1_000_000_000, description="prompt and answer, of a user; 0: no limit"
    )
    max_streams_per_user: int = Field(
        1024, ge=1, le=1_000_000, description="open event streams of one, over all gateways"
    )
    max_json_depth: int = Field(64, ge=8, le=500, description="arrays and objects in each other")

    @property
    def shows_docs(self) -> bool:
        """Whether the API's description is served."""
        return self._open_in_development(self.docs_enabled)

    @property
    def shows_metrics(self) -> bool:
        """Whether /metrics is for everybody who can reach it."""
        return self._open_in_development(self.metrics_public)

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of TRUSTED_PROXIES."""
        return networks(self.trusted_proxies)

    def _open_in_development(self, wanted: bool | None) -> bool:
        return wanted if wanted is not None else self.app_env is AppEnv.DEVELOPMENT

    @field_validator("trusted_proxies")
    @classmethod
    def _only_networks_of_proxies(cls, value: str) -> str:
        if any(network.prefixlen == 0 for network in networks(value)):
            raise ValueError("would trust everybody: name the networks of your proxies")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _long_token(cls, value: SecretStr | None) -> SecretStr | None:
        have = len(value.get_secret_value().encode()) if value else MIN_KEY_BYTES
        if have < MIN_KEY_BYTES:
            raise ValueError(
                f"has {have} bytes; it needs at least {MIN_KEY_BYTES} (openssl rand -hex 32)"
            )
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS_CERT and TLS_KEY belong together: set both or none")
        for name, path in (("TLS_CERT", self.tls_cert), ("TLS_KEY", self.tls_key)):
            if path is not None and not path.is_file():
                raise ValueError(f"{name}={path}: there is no such file")
        return self
