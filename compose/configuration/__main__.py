"""``python -m compose.configuration``: write docs/configuration.md and compose/env.example."""

from pathlib import Path

from compose.configuration.example import example
from compose.configuration.page import page
from compose.configuration.rows import settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose" / "compose.yaml"


def files() -> dict[Path, str]:
    """Each file that is made, and its text."""
    rows = settings()
    return {
        ROOT / "docs" / "configuration.md": page(rows),
        ROOT / "compose" / "env.example": example(rows, COMPOSE.read_text()),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
