"""README, architecture and glossary say what the code does."""

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
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()


def section(title: str) -> str:
    """The text under a second-level heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {name.upper() for name in settings.model_fields}


def test_every_row_of_the_settings_table_is_a_setting() -> None:
    first_cells = re.findall(r"^\| (`.+?) \|", section("Settings"), re.MULTILINE)
    documented = {name for cell in first_cells for name in re.findall(r"`([A-Z0-9_]+)`", cell)}
    known = names_of(ApiSettings) | names_of(WorkerSettings) | names_of(LauncherSettings)

    assert len(documented) > 12
    assert documented <= known | {"MODEL_PATH"}


def test_every_command_of_make_in_the_readme_exists() -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert targets
    assert {f"make {target}" for target in targets} <= set(re.findall(r"make [a-z-]+", shown))


def test_every_status_of_a_job_is_named() -> None:
    assert {status for status in JobStatus if f"`{status}`" not in GLOSSARY} == set()


def test_every_file_that_the_story_names_is_there() -> None:
    named = re.findall(r"`((?:api|worker|common)/[\w/]+(?:\.\w+)?/?)`", ARCHITECTURE)

    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert [page for page in sorted(pages) if f"({page})" not in index] == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
        if not target.startswith(("http:", "https:", "mailto:"))
        and not (path.parent / target).exists()
    ]
    assert broken == []


def test_a_decision_is_told_on_forty_lines() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))

    assert len(pages) > 8
    assert [page.name for page in pages if len(page.read_text().splitlines()) > 40] == []


def test_every_folder_of_the_map_is_there() -> None:
    named = re.findall(r"^([a-z]+)/ ", section("Folders"), re.MULTILINE)

    assert {"api", "worker", "common", "quantization", "tests"} <= set(named)
    assert [folder for folder in named if not (ROOT / folder).is_dir()] == []
