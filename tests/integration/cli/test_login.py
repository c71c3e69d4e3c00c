"""Logging in once, and staying so."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.support.caravan import Caravan
from tests.support.stack import Stack


def expire(caravan: Caravan) -> str:
    """Let the access token run out; the refresh token that was kept."""
    content = json.loads(caravan.credentials.read_text())
    login = content["gateways"][caravan.env["CARAVAN_URL"]]
    login["expires_at"] = 0
    caravan.credentials.write_text(json.dumps(content))
    return str(login["refresh_token"])


def kept(caravan: Caravan) -> dict[str, Any]:
    content = json.loads(caravan.credentials.read_text())
    found: dict[str, Any] = content["gateways"][caravan.env["CARAVAN_URL"]]
    return found


def test_a_login_is_kept_where_only_its_owner_reads_it(stranger: Caravan) -> None:
    # Given nobody is logged in
    assert stranger("jobs").returncode == 3
    # When somebody logs in
    stranger.log_in()
    # Then the next command knows them, and the file is theirs alone
    assert stranger("jobs").returncode == 0
    assert stat.S_IMODE(stranger.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(stranger.credentials.parent.stat().st_mode) == 0o700


def test_a_wrong_password_is_exit_status_3_and_keeps_nothing(stranger: Caravan) -> None:
    done = stranger("login", "-u", "nobody", "--password-stdin", stdin="wrong")

    assert done.returncode == 3
    assert "error:" in done.stderr
    assert not stranger.credentials.exists()


def test_a_stale_session_is_renewed_without_a_word(stranger: Caravan) -> None:
    # Given a session whose access token has run out
    stranger.log_in()
    old = expire(stranger)
    # When a command runs
    done = stranger("jobs", "--json")
    # Then it works, says nothing of it, and keeps the new refresh token
    assert (done.returncode, done.stderr) == (0, "")
    assert kept(stranger)["refresh_token"] != old


def test_commands_at_once_use_a_refresh_token_once(stranger: Caravan) -> None:
    # Given a stale session, whose refresh token would end it if it were used twice
    stranger.log_in()
    expire(stranger)
    # When several commands start at once
    with ThreadPoolExecutor(4) as terminals:
        statuses = list(terminals.map(lambda _: stranger("jobs").returncode, range(4)))
    # Then all of them work, and the session lives
    assert statuses == [0, 0, 0, 0]
    assert stranger("jobs").returncode == 0


def test_a_session_that_was_ended_elsewhere_says_to_log_in(
    stranger: Caravan, echo_stack: Stack
) -> None:
    # Given a session that its owner ended on another machine
    stranger.log_in()
    bearer = {"Authorization": f"Bearer {kept(stranger)['access_token']}"}
    httpx.post(f"{echo_stack.base_url}/auth/logout", headers=bearer, trust_env=False)
    # When a command runs
    done = stranger("jobs")
    # Then it says what to do
    assert done.returncode == 3
    assert "caravan login" in done.stderr


def test_logout_forgets_the_session_here_and_there(stranger: Caravan, echo_stack: Stack) -> None:
    stranger.log_in()
    bearer = {"Authorization": f"Bearer {kept(stranger)['access_token']}"}

    assert stranger("logout").returncode == 0

    answer = httpx.get(f"{echo_stack.base_url}/jobs", headers=bearer, trust_env=False)
    assert answer.status_code == 401
    assert stranger("jobs").returncode == 3


def test_an_api_key_is_kept_or_taken_from_the_environment(
    stranger: Caravan, echo_stack: Stack
) -> None:
    # Given a key
    with echo_stack.login() as client:
        key = client.post("/auth/keys", json={"name": "night"}).json()["key"]
    # When a script has it in its environment, or somebody logs in with it
    assert stranger("jobs", CARAVAN_API_KEY=key).returncode == 0
    assert stranger("login", "--api-key", stdin=key).returncode == 0
    # Then both are known
    assert stranger("jobs").returncode == 0


def test_a_key_that_nobody_made_is_refused_at_once(stranger: Caravan) -> None:
    assert stranger("login", "--api-key", stdin="cvn_nobody").returncode == 3
    assert stranger("login", "--api-key", stdin="sk-other").returncode == 2
    assert not stranger.credentials.exists()
