"""Secrets from files, and what is said when that goes wrong."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from api.settings import ApiSettings
from cli.settings import LauncherSettings, child_environment
from common.secret_files import MOST_BYTES, completed_redis_url, secret_names, secrets_of
from common.settings import CommonSettings, read_settings
from worker.settings import WorkerSettings

SECRET = "correct horse battery staple, and more"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (ApiSettings, WorkerSettings, LauncherSettings):
        for name in secret_names(settings):
            monkeypatch.delenv(name.upper(), raising=False)
            monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def written(directory: Path, text: str | bytes) -> str:
    path = directory / "secret"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.mark.parametrize("settings", [ApiSettings, WorkerSettings, LauncherSettings])
def test_every_secret_of_every_process_may_come_from_a_file(
    settings: type[CommonSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in secret_names(settings):
        if "private_key" in name:
            continue  # must be a key: its own tests have one
        text = "redis://h:1/0" if name == "redis_url" else SECRET
        with monkeypatch.context() as patch:
            if name == "redis_password":
                patch.setenv("REDIS_URL", "redis://h:1/0")
            patch.setenv(f"{name.upper()}_FILE", written(tmp_path, f"{text}\n"))
            read = getattr(read_settings(settings), name)
        assert (read.get_secret_value() if isinstance(read, SecretStr) else read) == text


def test_the_secrets_are_those_that_one_would_think_of() -> None:
    gateway = {"admin_password", "jwt_secret", "jwt_secret_previous", "metrics_token"}

    assert gateway | {"redis_url", "redis_password", "webhook_key"} <= set(
        secret_names(ApiSettings)
    )
    assert "upstream_api_key" in secret_names(WorkerSettings)
    assert "model" not in secret_names(WorkerSettings)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_only_the_end_of_the_line_is_cut(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", written(tmp_path, f"  {SECRET} {end}"))

    assert read_settings(ApiSettings).admin_password.get_secret_value() == f"  {SECRET} "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        (b"\xff\xfe", "the file is no UTF-8 text"),
        ("x" * (MOST_BYTES + 1), f"the file has over {MOST_BYTES} bytes"),
    ],
    ids=["missing", "empty", "blank", "binary", "huge"],
)
def test_a_file_that_holds_no_secret_is_named(
    content: str | bytes | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(tmp_path / "none") if content is None else written(tmp_path, content)
    monkeypatch.setenv("JWT_SECRET_FILE", path)

    with pytest.raises(SystemExit, match="2"):
        read_settings(ApiSettings)

    assert capsys.readouterr().err == f"error: JWT_SECRET_FILE={path}: {said}\n"


def test_both_ways_at_once_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEBHOOK_KEY", SECRET)
    monkeypatch.setenv("WEBHOOK_KEY_FILE", written(tmp_path, SECRET))

    with pytest.raises(SystemExit, match="2"):
        read_settings(WorkerSettings)

    said = capsys.readouterr().err
    assert said == "error: WEBHOOK_KEY and WEBHOOK_KEY_FILE are both set: set one of them\n"


def test_a_secret_from_a_file_is_checked_like_any_other_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METRICS_TOKEN_FILE", written(tmp_path, "too-short"))

    with pytest.raises(SystemExit):
        read_settings(ApiSettings)

    said = capsys.readouterr().err
    assert "METRICS_TOKEN=***: has 9 bytes; it needs at least 32" in said
    assert "too-short" not in said


@pytest.mark.parametrize(
    ("url", "password", "ca", "whole"),
    [
        ("redis://h:1/0", "p@ss:/", None, "redis://:p%40ss%3A%2F@h:1/0"),
        ("redis://gateway@h:1/0", "p", None, "redis://gateway:p@h:1/0"),
        ("redis://gateway:@h:1/0", "p", None, "redis://gateway:p@h:1/0"),
        ("rediss://h:1/0", None, "/ca.pem", "rediss://h:1/0?ssl_ca_certs=/ca.pem"),
        ("rediss://h:1/0?x=1", None, "/ca.pem", "rediss://h:1/0?x=1&ssl_ca_certs=/ca.pem"),
    ],
)
def test_password_and_ca_become_part_of_the_url(
    url: str, password: str | None, ca: str | None, whole: str
) -> None:
    assert completed_redis_url(url, password, ca) == whole


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"REDIS_PASSWORD": "p"}, "REDIS_PASSWORD and REDIS_CA need a REDIS_URL"),
        (
            {"REDIS_PASSWORD": "p", "REDIS_URL": "redis://:q@h:1/0"},
            "REDIS_URL has a password already: leave REDIS_PASSWORD out",
        ),
        (
            {"REDIS_CA": "/ca.pem", "REDIS_URL": "redis://h:1/0"},
            "REDIS_CA is for REDIS_URL=rediss://..., and this is redis",
        ),
    ],
)
def test_what_does_not_go_together_is_said(
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit):
        read_settings(CommonSettings)

    assert capsys.readouterr().err == f"error: {said}\n"


def test_the_password_of_the_url_is_a_secret_to_the_logs() -> None:
    settings = CommonSettings(redis_url="redis://gateway:hunter2@h:1/0")

    assert "hunter2" in secrets_of(settings)
    assert "hunter2" not in repr(settings.log_style)


def test_a_process_that_is_started_gets_no_secret_in_two_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis_url")
    monkeypatch.setenv("JWT_SECRET_FILE", "/run/secrets/jwt")

    environment = child_environment({"REDIS_URL": "redis://127.0.0.1:6380/0"})

    assert "REDIS_URL_FILE" not in environment
    assert environment["JWT_SECRET_FILE"] == "/run/secrets/jwt"
