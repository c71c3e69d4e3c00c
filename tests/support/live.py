"""The product as ``make run`` starts it, on free ports, and a reader who tries its pages."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from cli.ports import any_free
from cli.settings import LauncherSettings
from cli.supervisor import Stage, Supervisor
from tests.support.pages import PYTHON, SHELL, Page
from tests.support.stack import GENEROUS, INHERITED, PASSWORD, ROOT, USERNAME

#: The ports that pages write, and the settings that move them.
DOCUMENTED = {
    "8000": "API_PORT",
    "9090": "METRICS_PORT",
    "5555": "FLOWER_PORT",
    "6380": "REDIS_PORT",
}

#: What every page's shell has: a curl that fails where the gateway refuses, and make from anywhere.
PRELUDE = r"""
answers() { EXPECTED="$1"; }
curl() {
  if [ -z "${EXPECTED:-}" ]; then
    case " $* " in *" -f "*|*" -sf "*|*" -fsS "*|*" --fail"*) ;; *) set -- --fail-with-body "$@";; esac
    command curl --max-time 90 "$@" || return $?
    return 0
  fi
  command curl --max-time 90 -w '%{stderr}\nHTTP %{http_code}' "$@" 2> "$SCRATCH/status" || true
  grep -q "HTTP $EXPECTED\$" "$SCRATCH/status" || {
    echo "not the $EXPECTED that the page says: $(cat "$SCRATCH/status")" >&2; return 1; }
}
make() {
  case " $* " in *" run "*) set -- "$@" DETACH=1;; esac
  command make -C "$ROOT" "$@"
}
"""

_ADDRESS = re.compile(r"\b(localhost|127\.0\.0\.1):(8000|9090|5555|6380)\b")
TIMEOUT_SECONDS = 150


class PageError(AssertionError):
    """A page says something that does not work; the place, and what was seen."""


class LiveStack:
    """Everything that ``make run DETACH=1`` starts, under a directory of its own."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.ports = {name: str(any_free()) for name in DOCUMENTED.values()}
        self.url = f"http://127.0.0.1:{self.ports['API_PORT']}"
        state = directory / "state"
        values = {name.lower(): port for name, port in self.ports.items()}
        self._settings = LauncherSettings.model_validate({**values, "state_dir": state})
        self._supervisor = Supervisor(state)
        self.env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **GENEROUS,
            **self.ports,
            "ENGINE": "echo",
            "ECHO_TOKENS_PER_SECOND": "1000",  # slow enough to be cancelled
            "STATE_DIR": str(state),
            "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
            **settings,
        }

    def ensure(self) -> None:
        """Start it, unless it runs."""
        if self._supervisor.stage() is not Stage.RUNNING:
            self._launcher("up", "--detach")

    def stop(self) -> None:
        self._launcher("down")

    def token(self) -> str:
        """A fresh access token of the administrator."""
        body = {"username": USERNAME, "password": PASSWORD}
        answer = httpx.post(f"{self.url}/auth/login", json=body, trust_env=False)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **settings: str) -> Iterator["LiveStack"]:
        """A started stack, stopped in any case."""
        stack = cls(directory, **settings)
        try:
            stack.ensure()
            yield stack
        finally:
            stack.stop()

    def _launcher(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr


class Reader:
    """Runs what pages say, in a scratch folder that looks like the repository's root."""

    def __init__(self, stack: LiveStack, scratch: Path) -> None:
        self._stack = stack
        self._scratch = scratch
        for entry in ROOT.iterdir():
            (scratch / entry.name).symlink_to(entry)
        (scratch / ".prelude.sh").write_text(PRELUDE)

    def try_shell(self, page: Page) -> None:
        """Run the shell blocks as one script. Raises PageError."""
        script = self._scratch / ".page.sh"
        script.write_text(self._here(page.script(*SHELL)))
        trap = f"trap 'echo \"{page.path}:$LINENO failed\" >&2' ERR"
        prelude = f". {self._scratch / '.prelude.sh'}; {trap}; set -e -o pipefail"
        command = ["bash", "-c", f"{prelude}; . {script}"]
        self._run(page, command)

    def try_python(self, page: Page) -> None:
        """Run the Python blocks as one program. Raises PageError."""
        program = self._scratch / ".page.py"
        program.write_text(self._here(page.script(*PYTHON)))
        code = f"exec(compile(open({str(program)!r}).read(), {str(page.path)!r}, 'exec'))"
        self._run(page, [sys.executable, "-c", code])

    def _here(self, text: str) -> str:
        """The text with the ports of this stack."""
        ports = self._stack.ports
        return _ADDRESS.sub(lambda found: f"{found[1]}:{ports[DOCUMENTED[found[2]]]}", text)

    def _environment(self) -> Mapping[str, str]:
        token = self._stack.token()
        return {
            **self._stack.env,
            "BASE_URL": f"{self._stack.url}/v1",
            "CARAVAN_TOKEN": token,
            "CARAVAN_URL": self._stack.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "OPENAI_API_KEY": token,
            "OPENAI_BASE_URL": f"{self._stack.url}/v1",
            "PATH": f"{Path(sys.executable).parent}:{self._stack.env['PATH']}",
            "REDIS_URL": f"redis://127.0.0.1:{self._stack.ports['REDIS_PORT']}/0",
            "ROOT": str(ROOT),
            "SCRATCH": str(self._scratch),
            "TOKEN": token,
            "XDG_CONFIG_HOME": str(self._scratch / ".config"),
        }

    def _run(self, page: Page, command: list[str]) -> None:
        log = self._scratch / ".log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=self._scratch,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | str = process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                status = f"none after {TIMEOUT_SECONDS} s"
            finally:
                _end_group(process)
        if status != 0:
            said = log.read_text(errors="replace").replace(
                str(self._scratch / ".page.sh"), str(page.path)
            )
            raise PageError(f"{page.path}: exit status {status}\n{said[-4000:]}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Background jobs of a page end with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
