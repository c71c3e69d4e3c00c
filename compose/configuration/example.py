"""compose/env.example: the secrets that Compose asks for, and every setting that it leaves open."""

import re
from typing import Any

import yaml

from compose.configuration.rows import Setting

HEAD = """\
# For docker compose: `sh compose/secrets.sh` copies this to compose/.env with random secrets.
# Made by `python -m compose.configuration`; do not edit it here.

# --- secrets: each needs a value, and no two the same ----------------------------------------

"""
OPTIONAL = """
# --- secrets that some set-ups need ----------------------------------------------------------

"""
PLACES = """
# --- which worker (cpu, gpu), and where ports are published, on 127.0.0.1 --------------------

COMPOSE_PROFILES=cpu
"""
SETTINGS = """
# --- settings, with their defaults: docs/configuration.md ------------------------------------
"""


def example(rows: list[Setting], compose: str) -> str:
    """The text; what ``compose`` (compose.yaml) fixes in a container is left out."""
    needed = list(dict.fromkeys(re.findall(r"\$\{(\w+):\?", compose)))
    offered = dict(sorted(re.findall(r"\$\{(\w+):-([^}]*)\}", compose)))
    kept_back = yaml.safe_load(compose)["x-no-secrets"]
    left_out = {*needed, *offered, *_fixed(yaml.safe_load(compose))}
    return "".join(
        [
            HEAD,
            *(f"{name}=\n" for name in needed),
            OPTIONAL,
            *(f"# {name}=\n" for name in offered if name in kept_back),
            PLACES,
            *(f"# {name}={value}\n" for name, value in offered.items() if name not in kept_back),
            SETTINGS,
            *(_lines(row) for row in rows if row.name not in left_out and _applies(row)),
        ]
    )


def _lines(row: Setting) -> str:
    return f"\n# {row.meaning}\n# {row.name}={row.default}\n"


def _applies(row: Setting) -> bool:
    """Whether a container could use it: what `make run` alone reads is of no use here."""
    return "`make run`" not in row.meaning


def _fixed(compose: dict[str, Any]) -> set[str]:
    """The variables that some service sets for itself."""
    return {
        name for service in compose["services"].values() for name in service.get("environment", {})
    }
