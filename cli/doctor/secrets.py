"""Whether secrets are secret."""

from collections.abc import Iterator

from redis.exceptions import RedisError

from cli.doctor.finding import Finding, fail, ok, warn
from cli.doctor.scene import Scene
from cli.settings import DEFAULT_PASSWORD
from common import keys
from common.settings import MIN_KEY_BYTES

#: Parts of examples that were copied and never changed.
EXAMPLES = ("change", "secret", "example", "password", "your-", "test", "12345")
#: Different characters below which nobody drew it at random.
FEWEST_CHARACTERS = 10


def default_password(scene: Scene) -> Iterator[Finding]:
    """The first user's password is not the one that everybody knows."""
    name = scene.settings.admin_username
    known = _knows_default(scene, name)
    if known is None:
        return
    if not known:
        yield ok("password", f"{name} has not the documented one.")
        return
    fix = "POST /auth/password, or ADMIN_PASSWORD before the first start"
    level = fail if scene.settings.production else warn
    yield level("password", f"{name} still has {DEFAULT_PASSWORD}: good on this machine only.", fix)


def jwt_secret(scene: Scene) -> Iterator[Finding]:
    """What signs access tokens cannot be guessed."""
    secret = scene.settings.jwt_secret
    level = fail if scene.settings.production else warn
    fix = "JWT_SECRET=$(openssl rand -hex 32)"
    if secret is not None:
        weakness = why_weak(secret.get_secret_value())
        yield (
            level("jwt secret", weakness, fix) if weakness else ok("jwt secret", "Long and mixed.")
        )
        return
    path = scene.settings.state / "jwt-secret"
    if path.exists() and path.stat().st_mode & 0o077:
        yield level("jwt secret", f"{path} can be read by others.", f"chmod 600 {path}")
    elif path.exists():
        yield ok("jwt secret", f"Made by itself, in {path}.")


def why_weak(secret: str) -> str:
    """Why a key could be guessed; empty if it could not."""
    if len(secret.encode()) < MIN_KEY_BYTES:
        return f"{len(secret.encode())} bytes; at least {MIN_KEY_BYTES} are needed."
    if len(set(secret)) < FEWEST_CHARACTERS:
        return f"It has only {len(set(secret))} different characters."
    found = next((word for word in EXAMPLES if word in secret.lower()), None)
    return f"It contains {found!r}, as examples do." if found else ""


def _knows_default(scene: Scene, name: str) -> bool | None:
    """Whether the first user's password is the default one; None where that cannot be seen.

    The hash is looked at, not the login: a failed one would slow down the user's own. Until
    somebody changes it there is no hash, and ADMIN_PASSWORD counts.
    """
    try:
        from pwdlib.hashers.argon2 import Argon2Hasher

        hashed = scene.store.hget(keys.user(name), "password")
    except (ImportError, RedisError):
        return None
    if not hashed:
        return scene.settings.admin_password.get_secret_value() == DEFAULT_PASSWORD
    return bool(Argon2Hasher().verify(DEFAULT_PASSWORD, hashed))
