"""Artifacts travel to a directory or an S3-compatible store, and back as they were."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from common.artifact import Artifact, open_artifact
from quantization.__main__ import main
from quantization.label import label_checkpoint
from tests.models import write_tiny_checkpoint

BUCKET: dict[str, bytes] = {}


class S3(BaseHTTPRequestHandler):
    """As much of S3 as putting and getting whole objects takes."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        BUCKET[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self._answer(200, b"")

    def do_GET(self) -> None:
        found = BUCKET.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"1"')
        self.send_header("last-modified", "Sun, 01 Nov 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty place in a store of our own."""
    BUCKET.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), S3) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        yield "s3://models/team/llama"
        server.shutdown()


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    directory = write_tiny_checkpoint(tmp_path / "llama")
    label_checkpoint(directory, {"made": "here"})
    return open_artifact(directory)


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "shelf" / "llama")
    url: str = request.getfixturevalue("s3")
    return url


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_what_is_pushed_is_pulled_as_it_was(artifact: Artifact, place: str, tmp_path: Path) -> None:
    state = ["--state-dir", str(tmp_path / "var")]

    assert main(["push", str(artifact.path), place, *state]) == 0
    assert main(["pull", place, *state]) == 0

    assert contents(tmp_path / "var" / "models" / "llama") == contents(artifact.path)


def test_a_file_that_was_changed_on_the_way_leaves_nothing(
    artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "shelf" / "llama"
    state = ["--state-dir", str(tmp_path / "var")]
    assert main(["push", str(artifact.path), str(place), *state]) == 0
    (place / "tokenizer.json").write_text("{ }")

    assert main(["pull", str(place), *state]) == 1

    assert "tokenizer.json is damaged" in capsys.readouterr().err
    assert list((tmp_path / "var" / "models").iterdir()) == []


def test_a_place_without_an_artifact_is_said_in_one_line(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", place, str(tmp_path / "none")]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("pull: error: ")
    assert place in last


def test_a_manifest_cannot_name_files_elsewhere(
    artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = artifact.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("tokenizer.json", "../../tokenizer.json"))

    assert main(["pull", str(artifact.path), str(tmp_path / "pulled")]) == 1

    assert "a file outside itself" in capsys.readouterr().err
