"""The secrets that sign one delivery."""

from redis import Redis

from common import keys
from common.signing import new_secret
from common.vault import Vault
from worker.webhooks.ledger import ClaimedDelivery


class Keyring:
    """Unseals secrets, and makes a user's first one."""

    def __init__(self, redis: Redis, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault

    def secrets(self, claim: ClaimedDelivery) -> list[str]:
        """The valid ones, the newest first; two while one is being replaced.

        Raises redis.RedisError, common.vault.Unsealable.
        """
        sealed = claim.sealed
        valid = [sealed.secret or self._first(claim.delivery.user)]
        if sealed.old_secret and claim.now_ms < sealed.old_until_ms:
            valid.append(sealed.old_secret)
        return [self._vault.unseal(one) for one in valid]

    def _first(self, user: str) -> str:
        key = keys.user_secret(user)
        self._redis.hsetnx(key, "secret", self._vault.seal(new_secret()))
        return str(self._redis.hget(key, "secret"))
