"""What ``caravan login`` remembers: one private file, with a login for each gateway."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

#: Seconds before its end at which an access token is not used any more.
MARGIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Login:
    """How to ask one gateway: an API key, or a session's tokens.

    ``expires_at`` is of the access token, in seconds of the Unix clock.
    """

    username: str = ""
    api_key: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_at: float = 0.0

    @classmethod
    def from_answer(cls, username: str, answer: dict[str, Any]) -> "Login":
        """From the body of /auth/login or /auth/refresh."""
        return cls(
            username=username,
            access_token=answer["access_token"],
            refresh_token=answer["refresh_token"],
            expires_at=time.time() + answer["expires_in"],
        )

    @property
    def bearer(self) -> str:
        """What stands after ``Bearer``."""
        return self.api_key or self.access_token

    @property
    def stale(self) -> bool:
        """Whether the access token must be renewed before use; an API key never."""
        return not self.api_key and time.time() > self.expires_at - MARGIN_SECONDS

    def without_access(self) -> "Login":
        """The same session, whose access token was refused."""
        return replace(self, expires_at=0.0)


class Credentials:
    """The file ``credentials.json`` (mode 0600) in a directory of the user's own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / "credentials.json"

    def login(self, url: str) -> Login | None:
        """How to ask the gateway at ``url``; None if nobody logged in there."""
        found = self._read()["gateways"].get(url)
        return Login(**found) if found else None

    @property
    def last_url(self) -> str:
        """The gateway of the last login; empty before the first."""
        return str(self._read()["last"])

    def remember(self, url: str, login: Login) -> None:
        """Keep a login, and the gateway as the one to ask from now on."""
        content = self._read()
        content["gateways"][url], content["last"] = asdict(login), url
        self._write(content)

    def forget(self, url: str) -> None:
        """Keep nothing of this gateway."""
        content = self._read()
        content["gateways"].pop(url, None)
        if content["last"] == url:
            content["last"] = ""
        self._write(content)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all commands: a refresh token must not be used twice."""
        self._make_directory()
        descriptor = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(descriptor) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, Any]:
        try:
            return {"last": "", "gateways": {}, **json.loads(self.path.read_text())}
        except (FileNotFoundError, ValueError):
            return {"last": "", "gateways": {}}

    def _write(self, content: dict[str, Any]) -> None:
        """Beside, then over it: a reader never sees half a file."""
        self._make_directory()
        aside = self.path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
        aside.replace(self.path)

    def _make_directory(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
