"""Receivers' own libraries can check what we sign."""

import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openai import InvalidWebhookSignatureError, OpenAI
from openai.types.webhooks import ResponseCompletedWebhookEvent
from standardwebhooks import Webhook, WebhookVerificationError

from common.signing import SigningKey, new_secret, sign
from common.vault import Unsealable, Vault

KEY = SigningKey.from_seed(b"s" * 32)
BODY = json.dumps({"id": "evt_1", "object": "event", "created_at": 1, "type": "response.completed",
                   "data": {"id": "job_1"}}).encode()  # fmt: skip


def headers(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    now = int(time.time())
    signature = sign(secrets, KEY, "evt_1", now, body)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": signature,
    }


def test_the_library_of_standard_webhooks_verifies_us() -> None:
    secret = new_secret()

    assert Webhook(secret).verify(BODY, headers(secret))["type"] == "response.completed"


def test_the_openai_library_unwraps_us() -> None:
    secret = new_secret()
    client = OpenAI(api_key="none", webhook_secret=secret)

    event = client.webhooks.unwrap(BODY, headers(secret))

    assert isinstance(event, ResponseCompletedWebhookEvent)
    assert event.data.id == "job_1"


def test_while_a_secret_is_replaced_both_verify() -> None:
    old, new = new_secret(), new_secret()
    signed = headers(new, old)

    assert Webhook(old).verify(BODY, signed)
    assert Webhook(new).verify(BODY, signed)


def test_a_changed_body_or_a_foreign_secret_does_not_verify() -> None:
    secret = new_secret()

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers(secret))
    with pytest.raises(InvalidWebhookSignatureError):
        OpenAI(api_key="none").webhooks.unwrap(BODY, headers(secret), secret=new_secret())


def test_whoever_has_the_public_key_can_check_and_not_forge() -> None:
    # Given the signature of the service's own key
    signed = headers(new_secret())
    content = f"evt_1.{signed['webhook-timestamp']}.".encode() + BODY
    signature = base64.b64decode(signed["webhook-signature"].split(" ")[-1].removeprefix("v1a,"))
    # When somebody checks it with the published half
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(KEY.public.removeprefix("whpk_")))
    public.verify(signature, content)
    # Then it holds for this content only
    with pytest.raises(InvalidSignature):
        public.verify(signature, content + b" ")


def test_what_is_sealed_is_unreadable_without_the_key_and_readable_with_it() -> None:
    vault, secret = Vault.open("k" * 32), new_secret()
    sealed = vault.seal(secret)

    assert secret not in sealed
    assert Vault.open("k" * 32).unseal(sealed) == secret
    with pytest.raises(Unsealable):
        Vault.open("x" * 32).unseal(sealed)


def test_processes_with_one_key_sign_alike() -> None:
    assert Vault.open("k" * 32).signing_key.public == Vault.open("k" * 32).signing_key.public
    assert Vault.open("k" * 32).signing_key.public != Vault.open("x" * 32).signing_key.public
