"""What forgers try with access tokens."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from api.auth import Tokens
from api.problems import Unauthorized
from api.stream_tokens import StreamTokens

SECRET, PREVIOUS, FOREIGN = "s" * 32, "p" * 32, "f" * 32
NOW = int(time.time())
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": "caravan",
    "aud": "caravan-api",
    "sub": "ada",
    "iat": NOW,
    "exp": NOW + 600,
    "jti": "1",
}
#: Takes a claim or header away.
NONE = object()


def encoded(part: dict[str, Any]) -> str:
    text = json.dumps({name: value for name, value in part.items() if value is not NONE})
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def forged(
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    key: str = SECRET,
    digest: str = "sha256",
) -> str:
    """A token made by hand: no library refuses to write it."""
    body = f"{encoded(HEADER | (header or {}))}.{encoded(CLAIMS | (claims or {}))}"
    signature = hmac.new(key.encode(), body.encode(), digest).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET, 900, PREVIOUS)


def kid_of(secret: str) -> str:
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:16]


def test_a_token_made_like_ours_is_good(tokens: Tokens) -> None:
    assert tokens.read(forged()).user == "ada"
    assert tokens.read(forged(header={"kid": kid_of(SECRET)})).user == "ada"


@pytest.mark.parametrize(
    ("claims", "header", "key"),
    [
        pytest.param({}, {"alg": "none"}, "", id="no algorithm"),
        pytest.param({}, {"alg": "NoNe"}, "", id="no algorithm, spelt otherwise"),
        pytest.param({}, {"alg": "HS512"}, SECRET, id="an algorithm not listed"),
        pytest.param({}, {"alg": "RS256"}, SECRET, id="an algorithm of key pairs"),
        pytest.param({}, {"alg": NONE}, SECRET, id="an algorithm left out"),
        pytest.param({}, {"alg": ["HS256"]}, SECRET, id="a list of algorithms"),
        pytest.param({}, {}, FOREIGN, id="another key"),
        pytest.param({}, {}, "", id="an empty key"),
        pytest.param({}, {"kid": kid_of(PREVIOUS)}, SECRET, id="the other key's name"),
        pytest.param({}, {"kid": kid_of(FOREIGN)}, FOREIGN, id="a foreign key by its name"),
        pytest.param({}, {"kid": "../../dev/null"}, "", id="a path for a key"),
        pytest.param({}, {"kid": "' OR 1=1 --"}, "", id="SQL for a key"),
        pytest.param({}, {"kid": ""}, "", id="an empty name"),
        pytest.param({}, {"kid": ["a"]}, SECRET, id="a list for a name"),
        pytest.param({}, {"kid": None}, SECRET, id="null for a name"),
        pytest.param({}, {"jwk": {"kty": "oct", "k": "Zm9v"}}, "foo", id="a key inside"),
        pytest.param({}, {"jku": "https://evil.example/jwks.json"}, FOREIGN, id="a key elsewhere"),
        pytest.param({}, {"crit": ["exp"]}, SECRET, id="an extension that must be understood"),
        pytest.param({}, {"typ": "JWT"}, SECRET, id="another type"),
        pytest.param({}, {"typ": NONE}, SECRET, id="no type"),
        pytest.param({"aud": "caravan-stream"}, {}, SECRET, id="another audience"),
        pytest.param({"aud": NONE}, {}, SECRET, id="no audience"),
        pytest.param({"iss": "caravan-"}, {}, SECRET, id="another issuer"),
        pytest.param({"iss": "cara"}, {}, SECRET, id="a part of the issuer"),
        pytest.param({"iss": NONE}, {}, SECRET, id="no issuer"),
        pytest.param({"exp": NOW - 1}, {}, SECRET, id="expired"),
        pytest.param({"exp": NONE}, {}, SECRET, id="for ever"),
        pytest.param({"exp": "never"}, {}, SECRET, id="an end that is no number"),
        pytest.param({"iat": NOW + 3600}, {}, SECRET, id="from the future"),
        pytest.param({"iat": NONE}, {}, SECRET, id="from no time"),
        pytest.param({"nbf": NOW + 3600}, {}, SECRET, id="not yet good"),
        pytest.param({"sub": NONE}, {}, SECRET, id="nobody's"),
        pytest.param({"sub": 7}, {}, SECRET, id="a number's"),
        pytest.param({"jti": NONE}, {}, SECRET, id="without a name"),
        pytest.param({"sid": ["x"]}, {}, SECRET, id="a list of sessions"),
    ],
)
def test_a_forged_token_is_refused(
    tokens: Tokens, claims: dict[str, Any], header: dict[str, Any], key: str
) -> None:
    digest = "sha512" if header.get("alg") == "HS512" else "sha256"
    token = forged(claims, header, key, digest)
    if str(header.get("alg")).lower() == "none":
        token = token.rpartition(".")[0] + "."
    with pytest.raises(Unauthorized):
        tokens.read(token)


@pytest.mark.parametrize("damage", range(6))
def test_a_damaged_token_is_refused(tokens: Tokens, damage: int) -> None:
    token = tokens.issue("ada")
    head, body, signature = token.split(".")
    with pytest.raises(Unauthorized):
        tokens.read(
            [
                token[:-4],
                f"{head}.{body}.",
                f"{head}..{signature}",
                f"{head}.{encoded(CLAIMS | {'sub': 'admin'})}.{signature}",
                token * 2,
                "",
            ][damage]
        )


def test_a_change_of_the_secret_drops_nobody(tokens: Tokens) -> None:
    # Given a token of the previous secret
    old = Tokens(PREVIOUS, 900).issue("ada")
    # Then it is good as long as that is named, and not after
    assert tokens.read(old).user == "ada"
    with pytest.raises(Unauthorized):
        Tokens(SECRET, 900).read(old)
    # And fresh ones are signed with the current
    assert Tokens(SECRET, 900).read(tokens.issue("ada")).user == "ada"


def test_a_stream_token_is_no_access_token(tokens: Tokens) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(StreamTokens(SECRET).issue("ada", "job_1"))


def test_a_token_says_little_and_not_for_long(tokens: Tokens) -> None:
    import jwt

    claims = jwt.decode(tokens.issue("ada"), options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "role"}
    assert claims["exp"] - claims["iat"] <= 900
