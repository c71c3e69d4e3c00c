"""The parts behind the routes of webhooks, built once."""

from dataclasses import dataclass

from redis.asyncio import Redis

from api.settings import ApiSettings
from api.webhooks.deliveries import Deliveries
from api.webhooks.endpoints import Endpoints
from api.webhooks.secrets import Secrets
from common.scripts import AsyncScripts
from common.vault import vault_of


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Endpoints, their ledger, and the secrets."""

    endpoints: Endpoints
    deliveries: Deliveries
    secrets: Secrets

    @classmethod
    def build(cls, redis: "Redis", scripts: AsyncScripts, settings: ApiSettings) -> "Webhooks":
        """Wire them."""
        vault = vault_of(settings)
        return cls(
            Endpoints(redis, scripts, vault, settings),
            Deliveries(redis, scripts),
            Secrets(redis, scripts, vault),
        )
