"""The users of the store: from the template users.acl to the file that the server reads."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from common.settings import CommonSettings

TEMPLATE = Path(__file__).parents[1] / "compose" / "valkey" / "users.acl"
#: Characters that a password has at least.
MIN_CHARACTERS = 16

_PLACE = re.compile(r">\$\{([A-Z_]+)\}")


class StoreUsersSettings(CommonSettings):
    """The passwords of the store's users."""

    redis_password_gateway: SecretStr | None = Field(None, description="of the user gateway")
    redis_password_inference: SecretStr | None = Field(None, description="of the user inference")
    redis_password_webhooks: SecretStr | None = Field(None, description="of the user webhooks")
    redis_password_maintenance: SecretStr | None = Field(None, description="of maintenance")
    redis_password_flower: SecretStr | None = Field(None, description="of the user flower")
    redis_password_keda: SecretStr | None = Field(None, description="of the user keda")
    redis_password_operator: SecretStr | None = Field(None, description="of the user operator")

    def passwords(self) -> dict[str, str]:
        """Those that are set, by the names of their variables."""
        return {
            name.upper(): value.get_secret_value()
            for name, value in self
            if name.startswith("redis_password_") and isinstance(value, SecretStr)
        }


class PasswordMissing(ValueError):
    """A user has no password, or one that is too short."""


def render(template: str, passwords: Mapping[str, str]) -> str:
    """One line a user, with digests in place of passwords. Raises PasswordMissing."""

    def digest(found: re.Match[str]) -> str:
        password = passwords.get(found[1], "")
        if len(password) < MIN_CHARACTERS:
            raise PasswordMissing(
                f"{found[1]} is missing, or shorter than {MIN_CHARACTERS} characters"
            )
        return "#" + hashlib.sha256(password.encode()).hexdigest()

    return "".join(f"{_PLACE.sub(digest, line)}\n" for line in users_of(template))


def users_of(template: str) -> Iterator[str]:
    """The lines of the template, each whole and without comments."""
    whole = ""
    for line in template.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            whole += line
            continue
        if whole:
            yield whole
        whole = line
    if whole:
        yield whole
