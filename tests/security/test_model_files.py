"""Files of models are data from strangers: looked at first, elsewhere, and never run."""

import dataclasses
import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.artifact import Artifact, ArtifactError, open_artifact
from common.tokenizer import ModelTokenizer
from quantization.gguf_file import GgufFile
from tests.models import default_gguf, default_safetensors
from worker.engines import create_engine, gguf_header
from worker.engines.base import ModelUnavailable
from worker.engines.gguf_check import NoGguf, check_gguf
from worker.engines.settings import EngineSettings

#: An array of an array of nothing, 2^62 times: parsers that count it down never end.
HANG = (
    b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + struct.pack("<Q", 1)
    + b"k"
    + struct.pack("<IIQ", 9, 9, 1 << 62)[:10]
)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def small_gguf(
    *, kind: int = 0, dims: tuple[int, ...] = (32,), offset: int = 0, data: bytes = b"\0" * 128
) -> bytes:
    """The smallest good file: an architecture, and one tensor of 32 floats."""
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    header += text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    header += text(b"t") + struct.pack("<I", len(dims))
    header += b"".join(struct.pack("<Q", size) for size in dims)
    header += struct.pack("<IQ", kind, offset)
    return header + b"\0" * (-len(header) % 32) + data


def check(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    check_gguf(path, patience_seconds=20)


def test_a_good_file_passes(tmp_path: Path) -> None:
    check(tmp_path, small_gguf())
    check(tmp_path, small_gguf(kind=2, data=b"\0" * 18))


@pytest.mark.model
def test_the_default_model_passes() -> None:
    check_gguf(default_gguf())


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "less than a header"),
    "43 bytes": (HANG[:43].ljust(43, b"\0"), "43 bytes, less than a header"),
    "another file": (b"PK\3\4" * 100, "does not begin with GGUF"),
    "a pickle": (b"\x80\x04\x95" * 100, "does not begin with GGUF"),
    "another version": (b"GGUF" + struct.pack("<I", 1) + b"\0" * 99, "of version 1"),
    "the other byte order": (b"GGUF" + struct.pack(">I", 3) + b"\0" * 99, "of version"),
    "2^62 tensors": (b"GGUF" + struct.pack("<IQQ", 3, 1 << 62, 0) + b"\0" * 99, "tensors"),
    "2^62 values": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 62) + b"\0" * 99, "values"),
    "an array of 2^62 arrays": (HANG + b"\0" * 99, "unknown type 9|an array of"),
    "an array in an array": (HANG[:33] + struct.pack("<IIQ", 9, 9, 3) + b"\0" * 99, "type 9"),
    "an array of 2^62 texts": (HANG[:33] + struct.pack("<IIQ", 9, 8, 1 << 62) + b"\0" * 99, "2"),
    "a text longer than the file": (
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 40) + b"\0" * 99,
        "a text of",
    ),
    "an unknown type": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"k") + struct.pack("<I", 99) + b"\0" * 99,
        "unknown type 99",
    ),
    "no architecture": (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + b"\0" * 99, "architecture"),
    "a header cut short": (small_gguf()[:70], "middle of its header|a text of"),
    "weights cut short": (small_gguf()[:-1], "it is cut short"),
    "a tensor beyond the end": (small_gguf(offset=1 << 40), "it is cut short"),
    "a tensor of no size": (small_gguf(dims=(0,)), "cannot be"),
    "a tensor of 2^64 weights": (small_gguf(dims=(1 << 62, 1 << 62)), "it is cut short"),
    "a tensor of 9 dimensions": (small_gguf(dims=(1,) * 9), "9 dimensions"),
    "half a block": (small_gguf(kind=2, dims=(16,)), "cannot be"),
    "a crooked place": (small_gguf(offset=7), "cannot be"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_lies_is_refused_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    content, sentence = BAD[name]
    with pytest.raises(NoGguf, match=sentence):
        check(tmp_path, content)


@settings(max_examples=300)
@given(
    changes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 120),
)
def test_whatever_is_changed_in_a_header_its_reader_ends(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    # Given a good file with some bytes changed, perhaps cut
    content = bytearray(small_gguf())
    for place, value in changes:
        content[place] = value
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(content[: len(content) - cut])
    # When it is read, then it is good or not, and never anything else
    with path.open("rb") as file:
        try:
            gguf_header.Header(file).check()
        except gguf_header.BadHeader:
            return


def test_a_reader_that_hangs_costs_its_time_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a header that never ends
    program = tmp_path / "slow.py"
    program.write_text("while True: pass")
    monkeypatch.setattr(gguf_header, "__file__", str(program))
    # When a file is checked, then that ends
    began = time.monotonic()
    with pytest.raises(NoGguf, match="took too long"):
        check_gguf(tmp_path / "x", patience_seconds=0.5)
    assert time.monotonic() - began < 20


def test_a_reader_that_eats_memory_dies_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a reader that wants more than it may have, under the limits of the real one
    program = tmp_path / "big.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(Path(gguf_header.__file__).parent)!r})\n"
        "import gguf_header\n"
        "gguf_header.Header.check = lambda self: bytearray(2 << 30)\n"
        "sys.exit(gguf_header.main(sys.argv[1]))\n"
    )
    monkeypatch.setattr(gguf_header, "__file__", str(program))
    with pytest.raises(NoGguf, match="ends with|MemoryError"):
        check_gguf(program)


def artifact_of(path: Path) -> Artifact:
    """A manifest that says that the file is what it was bought as."""
    whole = open_artifact(default_gguf())
    for name in ("tokenizer.json", "chat_template.jinja"):
        source = whole.path.parent / name
        if source.exists():
            (path.parent / name).write_bytes(source.read_bytes())
    manifest = {**whole.manifest, "weights": [path.name]}
    manifest["files"] = [{"name": path.name, "bytes": path.stat().st_size, "sha256": "0" * 64}]
    (path.parent / "manifest.json").write_text(json.dumps(manifest))
    return open_artifact(path)


@pytest.mark.model
def test_the_worker_says_no_before_llama_cpp_sees_it(tmp_path: Path) -> None:
    # Given a labelled artifact whose weights hang a parser
    path = tmp_path / "model.gguf"
    path.write_bytes(HANG + b"\0" * 64)
    artifact = artifact_of(path)
    engine = create_engine(
        "llamacpp", EngineSettings(), artifact, ModelTokenizer.load(open_artifact(default_gguf()))
    )
    # When the engine is to load it, then it says why not
    with pytest.raises(ModelUnavailable, match="cannot load|no GGUF file"):
        engine.load()


def test_so_does_the_workshop(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(HANG)
    with pytest.raises(ArtifactError, match="cannot load|no GGUF file"):
        GgufFile.read(path)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"]
)
def test_a_pickle_is_no_checkpoint(tmp_path: Path, name: str) -> None:
    # Given a checkpoint that would run a program when it is unpickled
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    trace = tmp_path / "it-ran"
    payload = f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()
    (tmp_path / name).write_bytes(payload)
    # When the workshop is asked to make it ready
    command = [sys.executable, "-m", "quantization", "fetch", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Then it refuses, and nothing has run
    assert done.returncode != 0
    assert not trace.exists()
    assert "safetensors" in done.stderr + done.stdout


def test_no_code_of_a_model_is_ever_trusted() -> None:
    # Nothing in the product asks transformers to run what came with the weights.
    root = Path(__file__).parents[2]
    for folder in ("worker", "quantization", "common", "benchmarks"):
        for path in (root / folder).rglob("*.py"):
            source = path.read_text()
            assert "trust_remote_code=True" not in source, path
            assert "torch.load(" not in source, path
            assert "pickle.load" not in source, path


@pytest.mark.torch
def test_code_beside_the_weights_is_not_run(tmp_path: Path) -> None:
    # Given a folder whose configuration names a program of its own
    trace = tmp_path / "it-ran"
    config = {
        "model_type": "evil",
        "architectures": ["EvilModel"],
        "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilModel"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    whole = open_artifact(default_safetensors())
    artifact = dataclasses.replace(whole, path=tmp_path)
    engine = create_engine("transformers", EngineSettings(), artifact, ModelTokenizer.load(whole))
    # When the engine is to load it, then it does not, and nothing of it has run
    with pytest.raises(ModelUnavailable):
        engine.load()
    assert not trace.exists()


@pytest.mark.torch
def test_the_engine_reads_no_pickle(tmp_path: Path) -> None:
    # Given weights as a pickle, with a label that says safetensors
    trace = tmp_path / "it-ran"
    whole = open_artifact(default_safetensors())
    (tmp_path / "config.json").write_bytes((whole.path / "config.json").read_bytes())
    payload = f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()
    (tmp_path / "pytorch_model.bin").write_bytes(payload)
    artifact = dataclasses.replace(whole, path=tmp_path)
    engine = create_engine("transformers", EngineSettings(), artifact, ModelTokenizer.load(whole))
    with pytest.raises(ModelUnavailable):
        engine.load()
    assert not trace.exists()
