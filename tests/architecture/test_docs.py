"""The README says what the code does."""

import re
import subprocess
from pathlib import Path

from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from common.job import JobStatus
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """The text under a second-level heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {name.upper() for name in settings.model_fields}


def test_every_setting_stands_in_the_table_and_every_row_is_a_setting() -> None:
    first_cells = re.findall(r"^\| (`.+?) \|", section("Settings"), re.MULTILINE)
    documented = {name for cell in first_cells for name in re.findall(r"`([A-Z0-9_]+)`", cell)}
    known = names_of(ApiSettings) | names_of(WorkerSettings) | names_of(LauncherSettings)

    assert documented == known | {"MODEL_PATH"}


def test_every_command_of_make_in_the_readme_exists() -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert targets
    assert {f"make {target}" for target in targets} <= set(re.findall(r"make [a-z]+", shown))


def test_every_status_of_a_job_is_named() -> None:
    assert {status for status in JobStatus if f"`{status}`" not in section("Words")} == set()


def test_every_file_that_the_story_names_is_there() -> None:
    named = re.findall(r"`((?:api|worker|common)/[\w/]+(?:\.\w+)?/?)`", README)

    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_folder_of_the_map_is_there() -> None:
    named = re.findall(r"^([a-z]+)/ ", section("Folders"), re.MULTILINE)

    assert {"api", "worker", "common", "quantization", "tests"} <= set(named)
    assert [folder for folder in named if not (ROOT / folder).is_dir()] == []
