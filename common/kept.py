"""Secrets that nobody set: made once, kept in a file, the same for every later process."""

import secrets
import uuid
from pathlib import Path


def kept_secret(path: Path) -> str:
    """The secret in ``path``, made on first use, so that a restart voids nothing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(draft)  # the first of several processes wins, with a whole file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
