"""What the linters say of the Dockerfiles, and what they do not know to ask."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manifests.conftest import ROOT

DOCKERFILES = ("api/Dockerfile", "worker/Dockerfile")
TARGETS = ("gateway", "worker-cpu", "worker-gpu", "webhooks", "maintenance", "flower")


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def stages() -> dict[str, str]:
    """Stage -> its instructions, with those of the stages that it starts from before them."""
    found: dict[str, str] = {}
    for path in DOCKERFILES:
        text = (ROOT / path).read_text().replace("\\\n", " ")
        for stage in re.split(r"(?m)^(?=FROM )", text)[1:]:
            first, _, body = stage.partition("\n")
            _, base, _, name = first.split()
            found[name] = found.get(base, "") + body
    return found


@pytest.mark.parametrize("path", DOCKERFILES)
def test_hadolint_finds_nothing(path: str) -> None:
    result = tool("hadolint", path)

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES)
def test_trivy_finds_nothing(path: str) -> None:
    options = ("--skip-check-update", "--severity", "MEDIUM,HIGH,CRITICAL", "--exit-code", "1")
    result = tool("trivy", "config", *options, path)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_runs_as_nobody_special_and_says_whether_it_is_well(target: str) -> None:
    body = stages()[target]

    assert re.findall(r"(?m)^USER (.+)$", body)[-1] == "10001:10001"
    assert re.search(r'(?m)^HEALTHCHECK .*CMD \["python"', body)
    assert re.findall(r"(?m)^ENTRYPOINT (.+)$", body)[-1].startswith('["python", "-m"')


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_has_a_compiler(target: str) -> None:
    assert not re.search(r"build-essential|gcc|cmake", stages()[target])


def test_every_image_is_pinned() -> None:
    for path in DOCKERFILES:
        for default in re.findall(r"(?m)^ARG \w*IMAGE=(.+)$", (ROOT / path).read_text()):
            assert re.search(r":\d+\.\d+\.\d+", default), default


def test_every_folder_that_is_copied_goes_to_the_builder() -> None:
    sent = set(re.findall(r"(?m)^!(\w+)", (ROOT / ".dockerignore").read_text()))
    for path in DOCKERFILES:
        text = (ROOT / path).read_text()
        folders = set(re.findall(r"(?m)^COPY (\w+) \w+$", text))
        assert folders <= sent
