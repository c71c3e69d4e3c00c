"""The program in docs/openai.md runs as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.openai_client import access_token
from tests.support.stack import Stack

PAGE = (Path(__file__).parents[3] / "docs" / "openai.md").read_text()


def test_the_example_runs(openai_stack: Stack) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    address = {"BASE_URL": f"{openai_stack.base_url}/v1", "TOKEN": access_token(openai_stack)}

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **address, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("What is an option?")
    assert last.endswith("incomplete")  # the echo engine never ends by itself
