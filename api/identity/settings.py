"""What access tokens are signed with, from the environment."""

from pydantic import Field, SecretStr, field_validator

from api.keyring import Keyring, TokenKey
from common.kept import kept_secret
from common.settings import MIN_KEY_BYTES, CommonSettings


class TokenSettings(CommonSettings):
    """Keys and lifetimes of tokens."""

    jwt_secret: SecretStr | None = Field(None, description="signs access tokens")
    jwt_secret_previous: SecretStr | None = Field(
        None, description="the one before, whose tokens stay good while it is changed"
    )
    jwt_private_key: SecretStr | None = Field(
        None, description="Ed25519 in PEM: signs access tokens (EdDSA) in place of JWT_SECRET"
    )
    jwt_private_key_previous: SecretStr | None = Field(
        None, description="the one before, private or public half, while it is changed"
    )
    access_token_seconds: int = Field(
        900, ge=1, le=86_400, description="life of an access token; 900 at most in production"
    )
    refresh_token_seconds: int = Field(
        1_209_600, ge=60, le=31_536_000, description="life of a session after its last refresh"
    )

    def keyring(self) -> Keyring:
        """The keys by these settings, of one algorithm; a secret of STATE_DIR where none is set."""
        private, secret = _text(self.jwt_private_key), _text(self.jwt_secret)
        if private is not None:
            current = TokenKey.pair(private)
        else:
            current = TokenKey.shared(secret or kept_secret(self.state_dir / "jwt-secret"))
        before_pair, before_secret = self.jwt_private_key_previous, self.jwt_secret_previous
        previous = [
            *([TokenKey.pair(before_pair.get_secret_value())] if before_pair else []),
            *([TokenKey.shared(before_secret.get_secret_value())] if before_secret else []),
        ]
        return Keyring(current, tuple(previous))

    def fence_secret(self) -> str:
        """What the marks around untrusted text are made with; the same in every gateway."""
        secret = _text(self.jwt_secret) or _text(self.jwt_private_key)
        if secret is None:
            return kept_secret(self.state_dir / "jwt-secret")
        return secret

    @field_validator("jwt_secret", "jwt_secret_previous")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        have = len(value.get_secret_value().encode()) if value else MIN_KEY_BYTES
        if have < MIN_KEY_BYTES:
            raise ValueError(
                f"has {have} bytes; it needs at least {MIN_KEY_BYTES} (openssl rand -hex 32)"
            )
        return value

    @field_validator("jwt_private_key", "jwt_private_key_previous")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            TokenKey.pair(value.get_secret_value())
        return value

    @field_validator("jwt_private_key")
    @classmethod
    def _can_sign(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and TokenKey.pair(value.get_secret_value()).signs is None:
            raise ValueError("is a public key; it takes the private one to sign")
        return value


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
