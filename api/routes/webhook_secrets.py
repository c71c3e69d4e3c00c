"""What receivers check signatures with."""

from fastapi import APIRouter, Response

from api.deps import PrincipalDep, StateDep
from api.identity.audit import audit
from api.openapi import problems
from api.webhooks.answers import PublicKeyBody, PublicKeysBody, SecretBody, moment
from api.webhooks.problems import SecretUnreadable
from api.webhooks.secrets import Secret

router = APIRouter(tags=["webhooks"])


@router.get("/webhooks/secret", responses=problems(SecretUnreadable))
async def get_secret(state: StateDep, principal: PrincipalDep, response: Response) -> SecretBody:
    """The secret of what is sent to the `webhook_url` of your jobs; made on first read."""
    return _shown(await state.webhooks.secrets.of_user(principal.user), response)


@router.post("/webhooks/secret")
async def rotate_secret(state: StateDep, principal: PrincipalDep, response: Response) -> SecretBody:
    """Make a new one; for 24 hours every request is signed with the old one too."""
    audit("webhook_secret.rotate", principal.user)
    return _shown(await state.webhooks.secrets.rotate_of_user(principal.user), response)


@router.get("/.well-known/webhook-keys")
async def list_webhook_keys(state: StateDep, response: Response) -> PublicKeysBody:
    """The Ed25519 keys of `v1a` signatures, for whoever wants to check without a secret."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return PublicKeysBody(keys=list(state.webhooks.secrets.public_keys()))


@router.get("/.well-known/jwks.json", response_model_exclude_none=True)
async def list_public_keys(state: StateDep, response: Response) -> PublicKeysBody:
    """Those, and with `JWT_PRIVATE_KEY` the keys of access tokens, which have no `whpk`."""
    response.headers["Cache-Control"] = "public, max-age=300"
    tokens = [PublicKeyBody(**key) for key in state.token_keys]
    return PublicKeysBody(keys=[*tokens, *state.webhooks.secrets.public_keys()])


def _shown(secret: Secret, response: Response) -> SecretBody:
    response.headers["Cache-Control"] = "no-store"
    return SecretBody(secret=secret.text, previous_valid_until=moment(secret.previous_until_ms))
