"""The configuration reference and env.example are those that the settings make."""

import pytest
import yaml
from pydantic import Field
from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from cli.settings import LauncherSettings
from compose.configuration.__main__ import COMPOSE, files
from compose.configuration.page import EXPLANATION_SERVICE, GAUNTLET
from compose.configuration.rows import Setting, settings
from worker.settings import WorkerSettings


def by_name() -> dict[str, Setting]:
    return {name: row for row in settings() for name in (row.name, *row.aliases)}


def test_both_files_are_those_that_the_settings_make() -> None:
    for path, text in files().items():
        assert path.read_text() == text, "run: python -m compose.configuration"


def test_every_setting_of_every_process_has_a_row_with_a_meaning() -> None:
    known = {
        name.upper()
        for model in (ApiSettings, WorkerSettings, LauncherSettings)
        for name in model.model_fields
    }

    assert set(by_name()) == known | {"MODEL_PATH"}
    assert all(row.meaning for row in settings())


def test_a_row_says_type_limits_default_and_reader() -> None:
    rows = by_name()

    assert rows["N_CTX"].kind == "integer, 128 to 1048576"
    assert rows["N_CTX"].default == "4096"
    assert rows["N_CTX"].processes == ("all",)
    assert rows["MAX_QUEUE_SIZE"].processes == ("gateway",)
    assert rows["DRAIN_SECONDS"].processes == ("workers",)
    assert rows["WEBHOOK_CONCURRENCY"].processes == ("webhook worker",)
    assert rows["API_PORT"].processes == ("gateway", "`make run`, Flower")
    assert rows["ENGINE"].kind.startswith("`auto` `transformers`")
    assert rows["JWT_SECRET"].secret


def test_every_variable_of_the_documents_is_a_setting() -> None:
    assert set(by_name()) >= EXPLANATION_SERVICE | GAUNTLET


def test_a_setting_without_a_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(BaseSettings):
        spoken: int = Field(1, description="said")
        silent: int = 1

    monkeypatch.setattr(Silent, "__module__", "worker.silent")
    monkeypatch.setattr("compose.configuration.rows.WorkerSettings", Silent)

    with pytest.raises(ValueError, match=r"Silent\.silent needs a description"):
        settings()


def test_the_example_holds_every_secret_that_compose_asks_for() -> None:
    example = (COMPOSE.parent / "env.example").read_text()
    given = {line.partition("=")[0] for line in example.splitlines() if line.endswith("=")}
    open_ones = {name for name in given if not name.startswith("#")}
    text = COMPOSE.read_text()

    assert open_ones
    assert all(f"${{{name}:?" in text for name in open_ones)
    assert yaml.safe_load(text)["services"]
