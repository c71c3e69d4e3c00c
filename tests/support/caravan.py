"""The command ``caravan`` as a user types it, with a home of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import Process
from tests.support.stack import INHERITED, PASSWORD, ROOT, USERNAME

COMMAND = [sys.executable, "-m", "cli"]


class Caravan:
    """Somebody's terminal; ``url`` is the gateway, ``home`` where the login is kept."""

    def __init__(self, url: str, home: Path, **environment: str) -> None:
        self.home = home
        self.credentials = home / "caravan" / "credentials.json"
        self.env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "CARAVAN_URL": url,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(home),
            **environment,
        }

    def __call__(
        self, *arguments: str, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; stdout and stderr apart."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**self.env, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def json(self, *arguments: str, stdin: str = "", **environment: str) -> Any:
        """The document that a command prints with --json."""
        done = self(*arguments, "--json", stdin=stdin, **environment)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def log_in(self, username: str = USERNAME, password: str = PASSWORD) -> None:
        done = self("login", "-u", username, "--password-stdin", stdin=password)
        assert done.returncode == 0, done.stderr

    def start(self, *arguments: str) -> Process:
        """Begin a command that takes a while; ``output()`` is its stdout, ``errors`` its stderr."""
        command = ["sh", "-c", 'exec "$@" 2> "$0"', str(self.errors), *COMMAND, *arguments]
        return Process("caravan", command, self.home / "output", self.env)

    @property
    def errors(self) -> Path:
        return self.home / "errors"
