"""EdDSA: others check our tokens with what /.well-known/jwks.json shows."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.gateway import Gateway
from tests.support.stack import PASSWORD, USERNAME


def pem(key: Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    raw = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return raw.decode()


def public(key: Ed25519PrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture(scope="module")
def keys() -> tuple[Ed25519PrivateKey, Ed25519PrivateKey]:
    return Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def asymmetric(
    tmp_path_factory: pytest.TempPathFactory, keys: tuple[Ed25519PrivateKey, Ed25519PrivateKey]
) -> Iterator[Gateway]:
    """A gateway with a key pair from a file, and the one before it."""
    directory = tmp_path_factory.mktemp("asymmetric")
    path = directory / "jwt-key.pem"
    path.write_text(pem(keys[0]))
    settings = {"JWT_PRIVATE_KEY_FILE": str(path), "JWT_PRIVATE_KEY_PREVIOUS": public(keys[1])}
    with Gateway.running(directory, **settings) as gateway:
        yield gateway


def log_in(gateway: Gateway) -> str:
    with gateway.stack.client() as client:
        answer = client.post("/auth/login", json={"username": USERNAME, "password": PASSWORD})
        return str(answer.json()["access_token"])


def test_a_library_checks_a_token_with_the_published_keys(asymmetric: Gateway) -> None:
    # Given a login
    token = log_in(asymmetric)
    # When another service reads our keys
    jwks = jwt.PyJWKClient(f"{asymmetric.stack.base_url}/.well-known/jwks.json")
    key = jwks.get_signing_key_from_jwt(token)
    # Then it can check the token, and so can we
    claims = jwt.decode(token, key, ["EdDSA"], audience="caravan-api", issuer="caravan")
    assert claims["sub"] == USERNAME
    header = {"Authorization": f"Bearer {token}"}
    with asymmetric.stack.client() as client:
        assert client.get("/jobs", headers=header).status_code == 200
    # And no secret was made for tokens
    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"


def test_the_set_has_both_keys_and_nothing_private(asymmetric: Gateway) -> None:
    with asymmetric.stack.client() as client:
        answer = client.get("/.well-known/jwks.json")
        webhooks = client.get("/.well-known/webhook-keys").json()["keys"]
    keys: list[dict[str, Any]] = answer.json()["keys"]

    tokens = [key for key in keys if "whpk" not in key]
    assert len(tokens) == 2
    assert [key for key in keys if "whpk" in key] == webhooks
    for key in keys:
        assert key.keys() <= {"kty", "crv", "alg", "use", "kid", "x", "whpk"}
    assert "max-age" in answer.headers["cache-control"]


def test_a_token_of_the_previous_key_is_good_and_of_another_is_not(
    asymmetric: Gateway, keys: tuple[Ed25519PrivateKey, Ed25519PrivateKey]
) -> None:
    from api.auth import Tokens
    from api.keyring import Keyring, TokenKey

    def status(key: Ed25519PrivateKey) -> int:
        token = Tokens(Keyring(TokenKey.pair(pem(key))), 900).issue(USERNAME)
        with asymmetric.stack.client() as client:
            headers = {"Authorization": f"Bearer {token}"}
            return client.get("/jobs", headers=headers).status_code

    assert [status(keys[0]), status(keys[1])] == [200, 200]
    assert status(Ed25519PrivateKey.generate()) == 401


def test_with_a_secret_the_set_has_no_key_of_tokens(gateway: Gateway) -> None:
    with gateway.stack.client() as client:
        keys = client.get("/.well-known/jwks.json").json()["keys"]
    assert all("whpk" in key for key in keys)
