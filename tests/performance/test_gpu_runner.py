"""The runner for a GPU works in all its parts, which only a GPU can give a meaning."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "benchmarks" / "gpu.py"

pytestmark = pytest.mark.torch


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_part_runs_on_a_small_model(tmp_path: Path) -> None:
    # When the runner is started as a script
    out = tmp_path / "gpu.json"
    done = run(str(RUNNER), "--tiny", "--out", str(out))
    # Then every part found something, and the engine decodes what it computes at once
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert told["missing"] == {}
    found = told["found"]
    precisions = {"fp16", "int8", "nf4", "int4-fast"}
    assert set(found) == {"model", "bandwidth", "linears", "service", "eager", *precisions}
    assert all(found[name]["greatest_difference"] < 0.1 for name in precisions)
    assert all(set(found[name]["decode"]) == {"1", "3", "8"} for name in precisions)
    assert found["service"]["count"] == found["nf4"]["explanations"]["count"]
    assert set(found["eager"]) == {"fp16", "int8", "nf4"}
    assert all(set(rates) == {"1", "3", "8"} for rates in found["eager"].values())
    # And every format of a layer multiplies by about the weights that it was made from
    for name, layers in found["linears"].items():
        allowed = 0.01 if name == "bf16" else 0.2
        assert all(made["error"] < allowed for made in layers.values()), name


def test_a_part_can_be_run_alone(tmp_path: Path) -> None:
    done = run(
        *("-m", "benchmarks.gpu", "--tiny", "--part", "bandwidth", "--directory", str(tmp_path))
    )

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "bandwidth.json").read_text())["bytes_per_second"] > 0


def test_without_a_gpu_nothing_is_run_and_nothing_is_written(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    before = (ROOT / "docs" / "benchmarks").stat().st_mtime_ns

    done = run("-m", "benchmarks.gpu", "--out", str(tmp_path / "gpu.json"))

    assert done.returncode == 2
    assert done.stdout.startswith("no GPU: not run")
    assert list(tmp_path.iterdir()) == []
    assert (ROOT / "docs" / "benchmarks").stat().st_mtime_ns == before
