"""What forgers try with access tokens, whichever algorithm the service signs with."""

import base64
import hmac
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.auth import Tokens
from api.identity.settings import TokenSettings
from api.keyring import Keyring, TokenKey
from api.problems import Unauthorized
from api.stream_tokens import StreamTokens

#: When the tests were collected; DAY is longer than any run of them.
NOW, DAY = int(time.time()), 24 * 3600
CLAIMS: dict[str, Any] = {
    "iss": "caravan",
    "aud": "caravan-api",
    "sub": "ada",
    "iat": NOW,
    "exp": NOW + DAY,
    "jti": "1",
}
#: Takes a claim or header away.
NONE = object()


def private_pem(key: Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    raw = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return raw.decode()


def public_pem(key: Ed25519PrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


PAIR, OLD_PAIR, FOREIGN_PAIR = (
    Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in b"123"
)
SECRET, OLD_SECRET, FOREIGN_SECRET = "s" * 32, "p" * 32, "f" * 32

RINGS = {
    "HS256": Keyring(TokenKey.shared(SECRET), (TokenKey.shared(OLD_SECRET),)),
    "EdDSA": Keyring(TokenKey.pair(private_pem(PAIR)), (TokenKey.pair(public_pem(OLD_PAIR)),)),
}
#: By algorithm: our key, the one before it, a stranger's.
KEYS: dict[str, tuple[Any, Any, Any]] = {
    "HS256": (SECRET, OLD_SECRET, FOREIGN_SECRET),
    "EdDSA": (PAIR, OLD_PAIR, FOREIGN_PAIR),
}


@pytest.fixture(params=["HS256", "EdDSA"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tokens(algorithm: str) -> Tokens:
    return Tokens(RINGS[algorithm], 900)


def signature(message: str, key: Any, digest: str = "sha256") -> str:
    if isinstance(key, Ed25519PrivateKey):
        return b64(key.sign(message.encode()))
    return b64(
        hmac.new(key if isinstance(key, bytes) else key.encode(), message.encode(), digest).digest()
    )


def forged(
    algorithm: str,
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    key: Any = None,
    digest: str = "sha256",
) -> str:
    """A token made by hand: no library refuses to write it."""
    head = {"alg": algorithm, "typ": "at+jwt"} | (header or {})
    parts = [
        {name: value for name, value in part.items() if value is not NONE}
        for part in (head, CLAIMS | (claims or {}))
    ]
    message = ".".join(b64(json.dumps(part).encode()) for part in parts)
    own = KEYS[algorithm][0] if key is None else key
    return f"{message}.{signature(message, own, digest)}"


def test_a_token_made_like_ours_is_good(algorithm: str, tokens: Tokens) -> None:
    ring = RINGS[algorithm]
    assert tokens.read(forged(algorithm)).user == "ada"
    assert tokens.read(forged(algorithm, header={"kid": ring.current.kid})).user == "ada"


#: Well signed with our own key, and still wrong: nobody but we could send them.
ILL_MADE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an algorithm left out": ({}, {"alg": NONE}),
    "a list of algorithms": ({}, {"alg": ["HS256", "EdDSA"]}),
    "null for an algorithm": ({}, {"alg": None}),
    "RS256 in name": ({}, {"alg": "RS256"}),
    "ES256 in name": ({}, {"alg": "ES256"}),
    "HS384 in name": ({}, {"alg": "HS384"}),
    "the algorithm in other letters": ({}, {"alg": "hs256"}),
    "an empty name of a key": ({}, {"kid": ""}),
    "a list for the name of a key": ({}, {"kid": ["a"]}),
    "null for the name of a key": ({}, {"kid": None}),
    "a number for the name of a key": ({}, {"kid": 0}),
    "a path for a key": ({}, {"kid": "../../../../dev/null"}),
    "SQL for a key": ({}, {"kid": "x' UNION SELECT 'secret' --"}),
    "a command for a key": ({}, {"kid": "|/bin/sleep 10"}),
    "an address for a key": ({}, {"kid": "https://evil.example/key"}),
    "an extension that must be understood": ({}, {"crit": ["exp"]}),
    "an unencoded payload": ({}, {"b64": False, "crit": ["b64"]}),
    "the type JWT": ({}, {"typ": "JWT"}),
    "the type of an ID token": ({}, {"typ": "id+jwt"}),
    "the type of a stream token": ({}, {"typ": "st+jwt"}),
    "no type": ({}, {"typ": NONE}),
    "the audience of streams": ({"aud": "caravan-stream"}, {}),
    "another audience": ({"aud": ["other"]}, {}),
    "no audience": ({"aud": NONE}, {}),
    "another issuer": ({"iss": "caravan-"}, {}),
    "a part of the issuer": ({"iss": "cara"}, {}),
    "a list of issuers": ({"iss": ["caravan"]}, {}),
    "no issuer": ({"iss": NONE}, {}),
    "expired": ({"exp": NOW - 1}, {}),
    "expired long ago": ({"exp": 0}, {}),
    "good for ever": ({"exp": NONE}, {}),
    "an end that is no number": ({"exp": "never"}, {}),
    "an endless end": ({"exp": float("inf")}, {}),
    "no end, as NaN": ({"exp": float("nan")}, {}),
    "from the future": ({"iat": NOW + DAY}, {}),
    "from no time": ({"iat": NONE}, {}),
    "from a time that is no number": ({"iat": "now"}, {}),
    "not yet good": ({"nbf": NOW + DAY}, {}),
    "nobody's": ({"sub": NONE}, {}),
    "a number's": ({"sub": 7}, {}),
    "null's": ({"sub": None}, {}),
    "without a name": ({"jti": NONE}, {}),
    "a list of sessions": ({"sid": ["x"]}, {}),
}


@pytest.mark.parametrize("attack", ILL_MADE)
def test_a_token_that_says_something_else_is_refused_although_it_is_signed(
    algorithm: str, tokens: Tokens, attack: str
) -> None:
    claims, header = ILL_MADE[attack]
    with pytest.raises(Unauthorized):
        tokens.read(forged(algorithm, claims, header))


def unsigned(spelling: str) -> Callable[[str], str]:
    return lambda algorithm: forged(algorithm, header={"alg": spelling}).rpartition(".")[0] + "."


def with_names(algorithm: str, which: TokenKey, key: Any, **header: Any) -> str:
    return forged(algorithm, header={"kid": which.kid, **header}, key=key)


def other(algorithm: str) -> str:
    return "EdDSA" if algorithm == "HS256" else "HS256"


def jwk_of(key: Ed25519PrivateKey) -> dict[str, str]:
    x = b64(key.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": x}


#: What somebody without our keys can write.
FORGERIES: dict[str, Callable[[str], str]] = {
    **{
        f"unsigned, alg {spelling!r}": unsigned(spelling)
        for spelling in ("none", "None", "NONE", "nOnE", "none ", "", "null", "n\u043ene")
    },
    "unsigned, under our algorithm": lambda a: forged(a).rpartition(".")[0] + ".",
    "signed with nothing": lambda a: forged("HS256", {}, {"alg": a}, key=b""),
    "signed with another key": lambda a: forged(a, key=KEYS[a][2]),
    "a foreign key under its own name": lambda a: with_names(
        a, TokenKey.shared(FOREIGN_SECRET), KEYS[a][2]
    ),
    "a foreign key under our name": lambda a: with_names(a, RINGS[a].current, KEYS[a][2]),
    "the current key under the previous one's name": lambda a: with_names(
        a, RINGS[a].previous[0], KEYS[a][0]
    ),
    "HMAC with the public key's PEM as the secret": lambda a: forged(
        "HS256", {}, {"kid": RINGS["EdDSA"].current.kid}, key=public_pem(PAIR)
    ),
    "HMAC with the public key's bytes as the secret": lambda a: forged(
        "HS256",
        {},
        {"kid": RINGS["EdDSA"].current.kid},
        key=PAIR.public_key().public_bytes_raw(),
    ),
    "HMAC with the name of the key as the secret": lambda a: forged(
        "HS256", {}, {"kid": RINGS[a].current.kid}, key=RINGS[a].current.kid
    ),
    "the other algorithm with our own kid": lambda a: forged(
        other(a), {}, {"kid": RINGS[a].current.kid}, key=KEYS[other(a)][0]
    ),
    "the other algorithm without a name": lambda a: forged(other(a), key=KEYS[other(a)][2]),
    "its own key inside (jwk)": lambda a: forged(
        "EdDSA", {}, {"jwk": jwk_of(FOREIGN_PAIR)}, key=FOREIGN_PAIR
    ),
    "its own secret inside (jwk)": lambda a: forged(
        "HS256", {}, {"jwk": {"kty": "oct", "k": b64(b"f" * 32)}}, key=FOREIGN_SECRET
    ),
    "its keys elsewhere (jku)": lambda a: forged(
        a, {}, {"jku": "https://evil.example/jwks.json"}, key=KEYS[a][2]
    ),
    "its certificate elsewhere (x5u)": lambda a: forged(
        a, {}, {"x5u": "https://evil.example/cert.pem"}, key=KEYS[a][2]
    ),
    "its certificate inside (x5c)": lambda a: forged(a, {}, {"x5c": ["MIIB"]}, key=KEYS[a][2]),
    "SHA-512 in place of SHA-256": lambda a: forged(
        "HS256", {}, {"alg": "HS512"}, key=SECRET, digest="sha512"
    ),
    "a claim written twice": lambda a: rewritten(a, b'{"sub":"ada","sub":"admin",'),
    "another user's name": lambda a: rewritten(a, b'{"sub":"admin",'),
    "cut short": lambda a: forged(a)[:-4],
    "no signature": lambda a: forged(a).rpartition(".")[0],
    "no claims": lambda a: "{0}..{2}".format(*forged(a).split(".")),
    "claims that are a list": lambda a: swapped(a, b"[]"),
    "claims that are no JSON": lambda a: swapped(a, b"{"),
    "twice the same token": lambda a: forged(a) * 2,
    "four parts": lambda a: forged(a) + ".e30",
    "encrypted (five parts)": lambda a: "e30.e30.e30.e30.e30",
    "a JSON serialisation": lambda a: json.dumps({"payload": forged(a)}),
    "nothing": lambda a: "",
    "dots": lambda a: "..",
    "not ASCII": lambda a: forged(a) + "\u00e9",
    "a null byte": lambda a: forged(a) + "\0",
    "a megabyte": lambda a: forged(a, {"x": "x" * 1_000_000}),
    "a deep header": lambda a: b64(b'{"a":' * 5000 + b"1" + b"}" * 5000) + ".e30.x",
    "a refresh token": lambda a: "0" * 32 + "." + "a" * 43,
    "a stream token": lambda a: StreamTokens(RINGS[a]).issue("ada", "job_1"),
}


def swapped(algorithm: str, payload: bytes) -> str:
    head, _, sign = forged(algorithm).split(".")
    return f"{head}.{b64(payload)}.{sign}"


def rewritten(algorithm: str, beginning: bytes) -> str:
    return swapped(algorithm, beginning + json.dumps(CLAIMS).encode()[1:])


@pytest.mark.parametrize("attack", FORGERIES)
def test_a_forged_token_is_refused(algorithm: str, tokens: Tokens, attack: str) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(FORGERIES[attack](algorithm))


def test_no_bit_of_a_token_can_be_changed(algorithm: str, tokens: Tokens) -> None:
    # Given a good token, in bytes
    parts = [base64.urlsafe_b64decode(part + "==") for part in tokens.issue("ada").split(".")]
    draw = random.Random(7)
    for _ in range(300):
        # When one bit anywhere is another
        which = draw.randrange(3)
        raw = bytearray(parts[which])
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        changed = [bytes(raw) if n == which else part for n, part in enumerate(parts)]
        # Then the token is refused
        with pytest.raises(Unauthorized):
            tokens.read(".".join(map(b64, changed)))


def test_a_change_of_the_key_drops_nobody(algorithm: str, tokens: Tokens) -> None:
    # Given a token of the previous key
    before = TokenKey.shared(OLD_SECRET)
    if algorithm == "EdDSA":
        before = TokenKey.pair(private_pem(OLD_PAIR))
    old = Tokens(Keyring(before), 900).issue("ada")
    # Then it is good as long as that key is named, and not after
    assert tokens.read(old).user == "ada"
    alone = Tokens(Keyring(RINGS[algorithm].current), 900)
    with pytest.raises(Unauthorized):
        alone.read(old)
    # And fresh ones are signed with the current
    assert alone.read(tokens.issue("ada")).user == "ada"


def test_a_change_of_the_algorithm_drops_nobody(tmp_path: Path) -> None:
    # Given a token of a service that signed with a secret
    old = Tokens(TokenSettings(jwt_secret=SECRET, state_dir=tmp_path).keyring(), 900).issue("ada")
    # When it signs with a key pair, and its secret is named as the previous one
    settings = TokenSettings(
        jwt_private_key=private_pem(PAIR), jwt_secret_previous=SECRET, state_dir=tmp_path
    )
    # Then the token is still good, and fresh ones are EdDSA
    after = Tokens(settings.keyring(), 900)
    assert after.read(old).user == "ada"
    assert jwt.get_unverified_header(after.issue("ada"))["alg"] == "EdDSA"
    # And a JWT_SECRET beside the key pair signs nothing and checks nothing
    both = TokenSettings(jwt_private_key=private_pem(PAIR), jwt_secret=SECRET, state_dir=tmp_path)
    with pytest.raises(Unauthorized):
        Tokens(both.keyring(), 900).read(old)


def test_a_stream_token_is_good_for_its_job_only(algorithm: str) -> None:
    streams = StreamTokens(RINGS[algorithm])
    token = streams.issue("ada", "job_1", "session")
    assert (streams.read(token, "job_1").user, streams.read(token, "job_1").session) == (
        "ada",
        "session",
    )
    for wrong, job in ((token, "job_2"), (Tokens(RINGS[algorithm], 900).issue("ada"), "job_1")):
        with pytest.raises(Unauthorized):
            streams.read(wrong, job)


def test_a_token_says_little_and_not_for_long(tokens: Tokens) -> None:
    claims = jwt.decode(tokens.issue("ada"), options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "role"}
    assert claims["exp"] - claims["iat"] <= 900


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("jwt_secret", "s" * 31, "has 31 bytes; it needs at least 32"),
        ("jwt_secret_previous", "short", "has 5 bytes; it needs at least 32"),
        ("jwt_private_key", "-----BEGIN " + "PRIVATE KEY-----\nMC4=\n", "is no Ed25519 key in PEM"),
        ("jwt_private_key", public_pem(PAIR), "it takes the private one to sign"),
        ("jwt_private_key_previous", "x", "is no Ed25519 key in PEM"),
    ],
)
def test_a_key_that_is_weak_or_none_stops_the_start(
    setting: str, value: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        TokenSettings.model_validate({setting: value})


def test_a_key_pair_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    form = serialization.PrivateFormat.PKCS8
    raw = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="another kind than Ed25519"):
        TokenKey.pair(raw.decode())


def test_a_key_of_one_line_is_read_too() -> None:
    # Where an environment takes no line breaks, \n stands for them.
    assert TokenKey.pair(private_pem(PAIR).replace("\n", "\\n")).kid == RINGS["EdDSA"].current.kid
