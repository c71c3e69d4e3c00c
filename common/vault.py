"""What protects the secrets of webhooks at rest, and signs in the service's own name.

One master key is enough: the key that seals and the key pair that signs are derived from it,
so gateways and webhook workers agree when they share it.
"""

import base64
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.kept import kept_secret
from common.settings import CommonSettings
from common.signing import SigningKey

#: The file under STATE_DIR that holds the master key if WEBHOOK_KEY is not set.
KEY_FILE = "webhook-key"


class Unsealable(Exception):
    """A sealed secret was sealed with another WEBHOOK_KEY."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and unseals short texts."""

    fernet: Fernet
    signing_key: SigningKey

    @classmethod
    def open(cls, key: str) -> "Vault":
        """The vault of a master key."""
        seal = base64.urlsafe_b64encode(_derive(key, b"caravan webhook secrets"))
        return cls(Fernet(seal), SigningKey.from_seed(_derive(key, b"caravan webhook signatures")))

    def seal(self, text: str) -> str:
        """Encrypt; the same text gives another result each time."""
        return self.fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Decrypt. Raises Unsealable."""
        try:
            return self.fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unsealable("It was sealed with another WEBHOOK_KEY.") from error


def vault_of(settings: CommonSettings) -> Vault:
    """The vault of WEBHOOK_KEY, or else of a key kept under STATE_DIR."""
    if settings.webhook_key is not None:
        return Vault.open(settings.webhook_key.get_secret_value())
    return Vault.open(kept_secret(settings.state_dir / KEY_FILE))


def _derive(key: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
