from pathlib import Path

from cli.flower import flower_login, flower_options
from cli.settings import LauncherSettings


def test_flower_never_runs_without_a_password(tmp_path: Path) -> None:
    settings = LauncherSettings.model_validate({"state_dir": tmp_path})
    user, password = flower_login(settings)

    assert len(password) >= 20
    assert f"--basic-auth={user}:{password}" in flower_options(settings)


def test_the_password_may_be_given(tmp_path: Path) -> None:
    settings = LauncherSettings.model_validate({"state_dir": tmp_path, "flower_password": "chosen"})

    assert flower_login(settings) == ("caravan", "chosen")


def test_flower_is_for_this_machine_and_remembers_its_tasks(tmp_path: Path) -> None:
    options = flower_options(LauncherSettings.model_validate({"state_dir": tmp_path}))

    assert "--address=127.0.0.1" in options
    assert "--persistent=true" in options
