from pathlib import Path

from cli.production import with_secrets
from cli.settings import LauncherSettings


def settings(state: Path, **values: object) -> LauncherSettings:
    return LauncherSettings.model_validate({"state_dir": state, "app_env": "production", **values})


def test_what_production_asks_for_is_made_once(tmp_path: Path) -> None:
    known, made = with_secrets(settings(tmp_path))

    assert with_secrets(settings(tmp_path)) == (known, made)
    assert known.admin_password.get_secret_value() == made["ADMIN_PASSWORD"]
    assert len(made["JWT_SECRET"]) >= 32
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_given_stays(tmp_path: Path) -> None:
    given = settings(tmp_path, admin_password="mine and long", jwt_secret="s" * 32)

    assert with_secrets(given) == (given, {})
    assert not (tmp_path / "secrets").exists()


def test_a_developer_has_the_documented_password(tmp_path: Path) -> None:
    given = settings(tmp_path, app_env="development")

    assert with_secrets(given) == (given, {})
