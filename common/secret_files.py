"""Secrets from files: ``NAME_FILE`` for every setting that is one, as containers mount them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

#: More is no secret but somebody's wrong path.
MOST_BYTES = 65_536
#: Settings that hold a secret among other things.
_WITH_SECRETS = frozenset({"redis_url"})


class SecretFileError(ValueError):
    """A secret that cannot be had from its file; the message names the variable."""


def secret_names(settings: type[BaseSettings]) -> list[str]:
    """The names of the settings, in lower case, that ``NAME_FILE`` may give too."""
    return [
        name
        for name, field in settings.model_fields.items()
        if name in _WITH_SECRETS or SecretStr in (field.annotation, *get_args(field.annotation))
    ]


def secrets_of(settings: BaseSettings) -> list[str]:
    """The values of the settings that are secret, the password of REDIS_URL among them."""
    values = [getattr(settings, name) for name in secret_names(type(settings))]
    read = [
        value.get_secret_value() if isinstance(value, SecretStr) else urlsplit(str(value)).password
        for value in values
        if value
    ]
    return [secret for secret in read if secret]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the files that the environment names; ``variables`` has its names in lower case."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings)
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The secret, if a file was named. Raises SecretFileError."""
        path = self._variables.get(f"{field_name}_file")
        if not path:
            return None, field_name, False
        if self._variables.get(field_name):
            both = f"{field_name.upper()} and {field_name.upper()}_FILE"
            raise SecretFileError(f"{both} are both set: set one of them")
        return _read(field_name.upper(), Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Those that were found."""
        fields = self.settings_cls.model_fields
        read = {
            name: self.get_field_value(fields[name], name)[0]
            for name in secret_names(self.settings_cls)
        }
        return {name: value for name, value in read.items() if value is not None}


def _read(name: str, path: Path) -> str:
    """The file's text, less the end of its last line. Raises SecretFileError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{name}_FILE={path}: the file is no UTF-8 text") from error
    except OSError as error:
        raise SecretFileError(f"{name}_FILE={path}: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise SecretFileError(f"{name}_FILE={path}: the file has over {MOST_BYTES} bytes")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret.strip():
        raise SecretFileError(f"{name}_FILE={path}: the file is empty")
    return secret


def completed_redis_url(url: str, password: str | None, ca: str | None) -> str:
    """``url`` with a password of its own setting, and the CA that a TLS server is checked by.

    Redis and Celery both read the CA from the query. Raises ValueError.
    """
    parts = urlsplit(url)
    if password:
        if parts.password:
            raise ValueError("REDIS_URL has a password already: leave REDIS_PASSWORD out")
        user, _, place = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.rstrip(':')}:{quote(password, safe='')}@{place}")
    if ca:
        if parts.scheme != "rediss":
            raise ValueError(f"REDIS_CA is for REDIS_URL=rediss://..., and this is {parts.scheme}")
        query = "&".join(filter(None, (parts.query, f"ssl_ca_certs={quote(ca)}")))
        parts = parts._replace(query=query)
    return urlunsplit(parts)
