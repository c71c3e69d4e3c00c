"""API keys: for programs, and wherever an OpenAI client wants its ``api_key``."""

from fastapi import APIRouter, Response

from api.deps import AccountDep, StateDep
from api.identity.answers import ApiKeyBody, ApiKeyListBody, NewApiKeyBody
from api.identity.audit import audit
from api.identity.roles import scopes_of
from api.openapi import problems
from api.problems import (
    InvalidRequest,
    NotFound,
)
from api.requests.accounts import ApiKeyRequest

router = APIRouter(prefix="/auth/keys", tags=["auth"])


@router.post("", status_code=201)
async def create_key(
    body: ApiKeyRequest, account: AccountDep, response: Response, state: StateDep
) -> NewApiKeyBody:
    """Make a key; its secret is shown this once."""
    beyond = [scope for scope in body.scopes if scope not in scopes_of(account.role)]
    if beyond:
        raise InvalidRequest.about(
            "scopes",
            ", ".join(sorted(account.scopes)),
            beyond[0],
            f"has more than you: {beyond[0]}",
        )
    scopes = sorted(set(body.scopes))
    key, text = await state.api_keys.create(account.user, body.name, scopes, body.expires_in_days)
    audit("key.create", account.user, key=key.id, scopes=" ".join(scopes))
    response.headers["Cache-Control"] = "no-store"
    return NewApiKeyBody(**ApiKeyBody.of(key).model_dump(), key=text)


@router.get("")
async def list_keys(account: AccountDep, state: StateDep) -> ApiKeyListBody:
    """Your keys, newest first."""
    return ApiKeyListBody(
        data=[ApiKeyBody.of(key) for key in await state.api_keys.of(account.user)]
    )


@router.delete("/{key_id}", status_code=204, responses=problems(NotFound))
async def delete_key(key_id: str, account: AccountDep, state: StateDep) -> None:
    """Void a key at once."""
    await state.api_keys.delete(account.user, key_id)
    audit("key.delete", account.user, key=key_id)
