"""Who sends a request: an access token or an API key, checked against the user's record."""

from collections.abc import Sequence
from dataclasses import replace

from redis.exceptions import ResponseError

from api.auth import Principal, Tokens, no_say
from api.identity.api_keys import MARK, ApiKeyName
from api.identity.audit import audit
from api.identity.roles import Role, Scope, scopes_of
from api.problems import Unauthorized
from api.store import refuses_writes
from common.scripts import AsyncScripts


class Bearers:
    """Reads what stands in ``Authorization: Bearer``.

    A token proves who it was issued to; what they may do is asked of the store each time,
    so that a revocation, a new role and a disabled user count at once. ``first_user`` is an
    administrator even without a record.
    """

    def __init__(self, scripts: AsyncScripts, tokens: Tokens, first_user: str) -> None:
        self._scripts = scripts
        self._tokens = tokens
        self._first_user = first_user

    async def read(self, bearer: str) -> Principal:
        """Who it stands for. Raises Unauthorized, redis.RedisError."""
        if bearer.startswith(MARK):
            return await self._read_key(bearer)
        claimed = self._tokens.read(bearer)
        _, _, role, _, _ = await self._ask(
            "token", claimed.user, claimed.session, claimed.issued_at
        )
        known = Role(role)
        return replace(claimed, role=known, scopes=scopes_of(known))

    def claimed(self, bearer: str) -> Principal | None:
        """Who a token says it is, for what asks the store by itself; None for an API key.

        Raises Unauthorized.
        """
        if bearer.startswith(MARK):
            return None
        return replace(self._tokens.read(bearer), claimed=True)

    async def check(self, who: Principal) -> None:
        """Raises Unauthorized if user, session or key has no say any more, redis.RedisError."""
        await self._ask(*_question(who))

    async def without_right(self, many: Sequence[Principal]) -> list[Principal]:
        """Those of them who have no say any more, in one round trip. Raises redis.RedisError."""
        if not many:
            return []
        answers = await self._scripts.pipeline(
            [("identify", (*_question(who), self._first_user)) for who in many]
        )
        return [who for who, answer in zip(many, answers, strict=True) if answer[0] != "ok"]

    async def _read_key(self, bearer: str) -> Principal:
        name = ApiKeyName.parse(bearer)
        if name is None:
            raise Unauthorized("The API key is not valid.", error="invalid_token")
        _, user, role, scopes, unnoted = await self._ask("key", name.id, name.digest, 0)
        if unnoted:
            await self._note(name.id, user)
        granted = scopes_of(Role(role)) & {Scope(scope) for scope in scopes.split()}
        return Principal(user, 0, Role(role), granted, key_id=name.id, key_digest=name.digest)

    async def _note(self, key_id: str, user: str) -> None:
        """Write down that the key was used, if the store takes that."""
        try:
            first_in_an_hour = await self._scripts("key_used", key_id)
        except ResponseError as error:
            if not refuses_writes(error):
                raise
        else:
            if first_in_an_hour:
                audit("key.use", user, key=key_id)

    async def _ask(self, kind: str, name: str, secret: str, issued_at: int) -> list[str]:
        answer = await self._scripts("identify", kind, name, secret, issued_at, self._first_user)
        if answer[0] != "ok":
            raise no_say(answer[0])
        return list(answer)


def _question(who: Principal) -> tuple[str, str, str, int]:
    """What identify.lua is asked about somebody who was let in before."""
    if who.key_id:
        return "key", who.key_id, who.key_digest, 0
    return "token", who.user, who.session, who.issued_at
