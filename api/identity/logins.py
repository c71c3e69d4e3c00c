"""From a password or a refresh token to an access token."""

import hashlib
import uuid
from dataclasses import dataclass

from api.auth import Principal, Tokens
from api.identity.accounts import Accounts
from api.identity.audit import audit
from api.identity.sessions import Session, Sessions
from api.identity.users import Users
from api.problems import InvalidCredentials, RateLimited, UserNotFound
from common import account_keys
from common.scripts import AsyncScripts

#: Failures in a quarter of an hour before waits begin: of an account at an address, of an
#: address. An account alone has no limit, or anybody could lock its owner out.
FREE_FOR_ACCOUNT, FREE_FOR_ADDRESS = 5, 30


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client gets for logging in."""

    access_token: str
    refresh_token: str
    expires_in: int


class Logins:
    """Logs users in and carries their sessions on."""

    def __init__(
        self,
        scripts: AsyncScripts,
        accounts: Accounts,
        users: Users,
        sessions: Sessions,
        tokens: Tokens,
    ) -> None:
        self._scripts = scripts
        self._accounts = accounts
        self._users = users
        self._sessions = sessions
        self._tokens = tokens

    async def log_in(self, username: str, password: str, address: str) -> Grant:
        """Raises InvalidCredentials, RateLimited."""
        await self.check(username, password, address)
        audit("login", username, address=address)
        return await self.open(username)

    async def check(self, username: str, password: str, address: str) -> None:
        """Check a password, slowly for who guesses. Raises InvalidCredentials, RateLimited."""
        places = (
            *(_place(username, address), FREE_FOR_ACCOUNT),
            *(_place("", address), FREE_FOR_ADDRESS),
        )
        wait_ms = await self._scripts("login", "try", uuid.uuid4().hex, *places)
        if wait_ms:
            audit("login.slowed", username, address=address)
            raise RateLimited(
                "Too many failed logins; nobody is locked out.",
                limit="login",
                retry_after=wait_ms / 1000,
            )
        try:
            await self._accounts.check(username, password)
        except InvalidCredentials:
            audit("login.failed", username, address=address)
            raise
        await self._scripts("login", "won", uuid.uuid4().hex, *places)

    async def open(self, username: str) -> Grant:
        """A session for a user who was checked."""
        return await self._grant(await self._sessions.open(username))

    async def refresh(self, refresh_token: str) -> Grant:
        """Raises InvalidCredentials."""
        return await self._grant(await self._sessions.carry_on(refresh_token))

    async def log_out(self, who: Principal, *, everywhere: bool) -> None:
        """End the caller's session, or all of the user's."""
        audit("logout", who.user, everywhere=everywhere)
        if everywhere or not who.session:
            await self._sessions.end_all(who.user)
        else:
            await self._sessions.end(who.user, who.session)

    async def _grant(self, session: Session) -> Grant:
        try:
            user = await self._users.get(session.user)
        except UserNotFound:
            user = None
        if user is None or user.disabled:
            raise InvalidCredentials("This user is disabled or gone.")
        token = self._tokens.issue(session.user, user.role, session.id)
        return Grant(token, session.refresh_token, self._tokens.lifetime_seconds)


def _place(username: str, address: str) -> str:
    """The key of failures; a name may be anything, so it is digested."""
    return account_keys.login_tries(
        hashlib.sha256(f"{username}\0{address}".encode()).hexdigest()[:32]
    )
