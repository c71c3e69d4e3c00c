"""The signing key that survives restarts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.auth import Tokens
from api.keyring import Keyring
from api.problems import Unauthorized
from common.kept import kept_secret
from tests.support.waiting import wait_until


def test_a_token_outlives_the_process_that_issued_it(tmp_path: Path) -> None:
    # Given a token issued with a kept key
    path = tmp_path / "state" / "jwt-secret"
    token = Tokens(Keyring.of_secret(kept_secret(path)), 60).issue("ada")
    # When another process reads the key, then the token is still good
    assert Tokens(Keyring.of_secret(kept_secret(path)), 60).read(token).user == "ada"


def test_gateways_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "jwt-secret"

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: kept_secret(path), range(64)))

    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    assert [file.name for file in tmp_path.iterdir()] == ["jwt-secret"]


def test_two_tokens_are_never_the_same() -> None:
    tokens = Tokens(Keyring.of_secret("k" * 32), 60)

    assert tokens.issue("ada") != tokens.issue("ada")


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(Unauthorized):
        Tokens(Keyring.of_secret("k" * 32), 60).read(
            Tokens(Keyring.of_secret("l" * 32), 60).issue("ada")
        )


def test_a_token_that_was_read_before_ends_all_the_same() -> None:
    # Given a token of one second that was read, and is remembered
    tokens = Tokens(Keyring.of_secret("k" * 32), 1)
    token = tokens.issue("ada")
    assert tokens.read(token) is tokens.read(token)

    def refusal() -> str:
        try:
            tokens.read(token)
        except Unauthorized as problem:
            return str(problem.detail)
        return ""

    # Then it is refused once its second is over
    assert "expired" in wait_until(refusal, what="the end of the token")


def test_a_remembered_token_stands_for_itself_alone() -> None:
    # Given a token that was read
    tokens = Tokens(Keyring.of_secret("k" * 32), 60)
    token = tokens.issue("ada")
    assert tokens.read(token).user == "ada"
    # When its signature is bent
    bent = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    # Then it is none
    with pytest.raises(Unauthorized):
        tokens.read(bent)
