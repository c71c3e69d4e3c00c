"""Who may import whom, and what a light process never loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODEL_LIBRARIES = {"bitsandbytes", "gguf", "torch", "transformers", "xllamacpp"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after the statement."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_the_import_contracts_of_pyproject_hold() -> None:
    # The contracts stand in pyproject.toml, [tool.importlinter].
    lint_imports = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "from api.app import create_app",
        "import cli.up",
        "import common.broker, common.scripts, common.tokenizer",
        "import worker.inference, worker.maintenance",
        "import worker.engines",
        "import quantization.__main__",
    ],
)
def test_no_process_loads_a_model_library_at_import(statement: str) -> None:
    assert modules_after(statement) & MODEL_LIBRARIES == set()


def test_the_probe_would_see_a_model_library() -> None:
    assert "xllamacpp" in modules_after("import xllamacpp")


def test_only_settings_modules_read_the_environment() -> None:
    # An engine may write a variable that its library wants to find.
    reads = re.compile(r"getenv|environ\.get\(|environ\[[^]]+\](?! =)|\*\*os\.environ")
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("api", "cli", "common", "quantization", "worker")
        for path in (ROOT / folder).rglob("*.py")
        if reads.search(path.read_text())
    }

    assert readers == {"cli/settings.py"}  # where it is handed on to the processes it starts


def test_the_gateway_is_a_light_process() -> None:
    # Given the gateway, imported and ready to serve
    script = "from api.app import create_app; import os, psutil; "
    script += "print(psutil.Process(os.getpid()).memory_info().rss)"

    # When its memory is read
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    # Then it is far below the 150 MB that it may have under load
    assert int(result.stdout) < 120 * 1024 * 1024
