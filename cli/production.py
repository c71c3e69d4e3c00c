"""What production asks for and nobody gave: made once, and kept under STATE_DIR."""

from pydantic import SecretStr

from cli.settings import DEFAULT_PASSWORD, LauncherSettings
from cli.state import secret
from common.settings import AppEnv

PASSWORD_FILE = "admin-password"  # noqa: S105 - a file's name


def with_secrets(settings: LauncherSettings) -> tuple[LauncherSettings, dict[str, str]]:
    """The settings with a password and a signing key, and the variables that were made."""
    made: dict[str, str] = {}
    if settings.app_env is not AppEnv.PRODUCTION:
        return settings, made
    if settings.admin_password.get_secret_value() == DEFAULT_PASSWORD:
        made["admin_password"] = secret(settings.state, PASSWORD_FILE)
    if settings.jwt_secret is None:
        made["jwt_secret"] = secret(settings.state, "jwt-secret")
    known = settings.model_copy(update={name: SecretStr(value) for name, value in made.items()})
    return known, {name.upper(): value for name, value in made.items()}
