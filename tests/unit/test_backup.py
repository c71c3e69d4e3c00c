"""Backups that are whole or not there, and restores that touch nothing they should not."""

import tarfile
from pathlib import Path

import pytest

from cli.backup.archive import BackupError, extract, writing
from cli.backup.backup import make_backup
from cli.backup.parts import files_directory, kept, occupied
from cli.backup.restore import restore_backup
from cli.settings import LauncherSettings


def settings_of(state: Path, **more: object) -> LauncherSettings:
    return LauncherSettings.model_validate({"state_dir": state, **more})


def archive(path: Path, text: str = "content") -> Path:
    """A small archive of one file."""
    source = path.with_suffix(".source")
    source.write_text(text)
    with writing(path) as out:
        out.add(source, "state/jwt-secret")
        out.close({})
    return path


def test_an_archive_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz")

    manifest = extract(path, tmp_path / "out")

    assert (tmp_path / "out/state/jwt-secret").read_text() == "content"
    assert list(manifest["sha256"]) == ["state/jwt-secret"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_backup_that_fails_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no room"), writing(tmp_path / "a.tar.gz"):
        raise OSError("no room")

    assert list(tmp_path.iterdir()) == []


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", "much content " * 1000)
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(BackupError, match="no whole backup"):
        extract(path, tmp_path / "out")


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    # Given an archive whose file was swapped for another one
    path = archive(tmp_path / "a.tar.gz")
    extract(path, tmp_path / "out")
    (tmp_path / "out/state/jwt-secret").write_text("forged!")
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "out", arcname=".")

    with pytest.raises(BackupError, match="another SHA-256"):
        extract(path, tmp_path / "again")


def test_an_archive_cannot_write_outside_its_place(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "x", arcname="../../outside")

    with pytest.raises(BackupError):
        extract(tmp_path / "a.tar.gz", tmp_path / "in" / "side")
    assert not (tmp_path / "outside").exists()


def test_some_other_archive_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "x", arcname="x")

    with pytest.raises(BackupError, match="no backup of Caravan"):
        extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_a_restore_does_not_overwrite_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "state/valkey").mkdir(parents=True)
    (tmp_path / "state/valkey/appendonly.aof").write_text("jobs")

    with pytest.raises(BackupError, match=r"in the way: .*/valkey\. FORCE=1"):
        restore_backup(settings_of(tmp_path / "state"), tmp_path / "none", force=False)


def test_a_server_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, redis_url="redis://elsewhere/0")

    with pytest.raises(BackupError, match=r"docs/operations\.md"):
        make_backup(settings, None)
    with pytest.raises(BackupError, match=r"docs/operations\.md"):
        restore_backup(settings, tmp_path / "none", force=True)


def test_models_logs_and_earlier_backups_stay_out_and_every_key_goes_in(tmp_path: Path) -> None:
    for name in ("models", "logs", "backups", "cache", "run", "valkey", "secrets", "flower"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    for name in ("jwt-secret", "webhook-key", "a-key-of-next-year"):
        (tmp_path / name).touch()

    names = {path.name for path in kept(tmp_path)}

    assert names == {"secrets", "flower", "jwt-secret", "webhook-key", "a-key-of-next-year"}


def test_files_are_saved_where_they_are_and_those_in_s3_are_not(tmp_path: Path) -> None:
    assert files_directory(settings_of(tmp_path)) == tmp_path / "files"
    assert files_directory(settings_of(tmp_path, files_dir="/srv/files")) == Path("/srv/files")
    assert files_directory(settings_of(tmp_path, files_url="s3://bucket/caravan")) is None


def test_models_alone_are_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.gguf").touch()

    assert occupied(settings_of(tmp_path)) == []
