"""What the linters say of the Dockerfiles, and what they do not know to ask."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from compose.sbom import closure
from tests.manifests.conftest import ROOT

DOCKERFILES = ("api/Dockerfile", "worker/Dockerfile")
TARGETS = (
    *("gateway", "worker-cpu", "worker-gpu", "webhooks", "maintenance", "flower"),
    *("all-in-one", "all-in-one-cpu"),
)


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def stages() -> dict[str, str]:
    """Stage -> its instructions, with those of the stages that it starts from before them.

    What an argument chooses is there under its default, and under -cpu with FLAVOUR=cpu.
    """
    found: dict[str, str] = {}
    for path in DOCKERFILES:
        text = (ROOT / path).read_text().replace("\\\n", " ")
        for stage in re.split(r"(?m)^(?=FROM )", text)[1:]:
            first, _, body = stage.partition("\n")
            _, base, _, name = first.split()
            if "${FLAVOUR}" in base:
                found[f"{name}-cpu"] = found[base.replace("${FLAVOUR}", "cpu")] + body
                base = base.replace("${FLAVOUR}", "gpu")
            found[name] = found.get(base, "") + body
    return found


@pytest.mark.parametrize("path", DOCKERFILES)
def test_hadolint_finds_nothing(path: str) -> None:
    result = tool("hadolint", path)

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES)
def test_trivy_finds_nothing(path: str) -> None:
    options = ("--skip-check-update", "--severity", "MEDIUM,HIGH,CRITICAL", "--exit-code", "1")
    result = tool("trivy", "config", *options, path)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_runs_as_nobody_special_and_says_whether_it_is_well(target: str) -> None:
    body = stages()[target]

    assert re.findall(r"(?m)^USER (.+)$", body)[-1] == "10001:10001"
    assert re.search(r'(?m)^HEALTHCHECK .*CMD \["python"', body)
    assert re.findall(r"(?m)^ENTRYPOINT (.+)$", body)[-1].startswith('["python", "-m"')


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_has_a_compiler(target: str) -> None:
    assert not re.search(r"build-essential|gcc|cmake", stages()[target])


def test_every_image_is_pinned() -> None:
    for path in DOCKERFILES:
        for default in re.findall(r"(?m)^ARG \w*IMAGE=(.+)$", (ROOT / path).read_text()):
            assert re.search(r":\d+\.\d+\.\d+", default), default


def test_every_folder_that_is_copied_goes_to_the_builder() -> None:
    sent = set(re.findall(r"(?m)^!(\w+)", (ROOT / ".dockerignore").read_text()))
    for path in DOCKERFILES:
        text = (ROOT / path).read_text()
        folders = set(re.findall(r"(?m)^COPY (\w+) \w+$", text))
        assert folders <= sent


def test_no_secret_of_this_machine_goes_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert ignored.index("**/.env") > max(
        number for number, line in enumerate(ignored) if line.startswith("!")
    )


@pytest.mark.parametrize("target", TARGETS)
def test_every_folder_that_a_volume_covers_belongs_to_the_user(target: str) -> None:
    """A new volume takes the owner of the folder it covers; a folder not there is root's."""
    compose = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
    service = {"worker-cpu": "inference", "worker-gpu": "inference-gpu"}.get(target, target)
    made = re.findall(r"/var/lib/caravan[\w/]*", re.findall(r"install -d .*", stages()[target])[0])

    covered = {volume.split(":")[1] for volume in compose.get(service, {}).get("volumes", [])}
    assert covered <= set(made)


def test_the_engine_for_gpus_comes_in_its_own_build_of_the_same_version() -> None:
    body = stages()["packages-gpu"]
    pins = (ROOT / "constraints.txt").read_text()

    assert re.search(r"(?m)^xllamacpp==[\d.]+$", pins)
    assert re.search(r"--constraint constraints.txt --index-url \${XLLAMACPP_INDEX_URL}", body)
    assert re.search(r"(?m)^ARG XLLAMACPP_INDEX_URL=https://\S+/cu128$", body)
    assert "cuda:12.8." in (ROOT / "worker" / "Dockerfile").read_text()


@pytest.mark.parametrize("target", ["worker-cpu", "worker-gpu", "all-in-one", "all-in-one-cpu"])
def test_the_library_that_the_engine_links_to_is_there(target: str) -> None:
    assert "libgomp1=" in stages()[target]


def test_the_package_that_images_install_has_every_file_that_the_code_reads(tmp_path: Path) -> None:
    # Given the folders that the builder gets
    source = tmp_path / "src"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source)
    for folder in ("api", "cli", "common", "compose", "quantization", "worker"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("*.pyc"))

    # When the package is built
    build = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", tmp_path, source], check=True, capture_output=True)

    # Then scripts, pages and the supervisor's configuration are in it
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    read = {
        str(path.relative_to(source))
        for folder in ("api", "cli", "common", "quantization", "worker", "compose/valkey")
        for path in (source / folder).rglob("*")
        if path.is_file() and path.name not in ("Dockerfile", "kustomization.yaml")
    }
    assert {path for path in read if "__pycache__" not in path} - inside == set()
    assert "compose/supervisord.conf" in inside
    assert not any(path.endswith(".env") for path in inside)


def test_every_extra_that_an_image_asks_for_is_one_of_the_package() -> None:
    extras = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    for path in DOCKERFILES:
        for asked in re.findall(r'"\.\[([\w,]+)\]"', (ROOT / path).read_text()):
            assert set(asked.split(",")) <= extras, path


@pytest.mark.parametrize(
    ("target", "folders"),
    [
        ("gateway", ("api", "common")),
        ("worker-cpu", ("worker", "common")),
        ("flower", ("cli",)),
    ],
)
def test_an_image_has_every_package_that_its_code_imports(
    target: str, folders: tuple[str, ...]
) -> None:
    # Given what the image installs
    packages = stages()[
        {"gateway": "packages", "worker-cpu": "packages-cpu"}.get(target, "packages-flower")
    ]
    extras = set(re.findall(r'"\.\[([\w,]+)\]"', packages)[0].split(","))
    installed = {_plain(name) for name in closure("caravan", extras)}

    # Then nothing that is imported comes from another package
    known = packages_distributions()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for module in imported(path) & set(known):
                assert {_plain(it) for it in known[module]} & installed, f"{path}: {module}"


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports and cannot do without."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(node)
        for attempt in ast.walk(tree)
        if isinstance(attempt, ast.Try)
        and any("ImportError" in ast.unparse(it.type) for it in attempt.handlers if it.type)
        for statement in attempt.body
        for node in ast.walk(statement)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in guarded:
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in guarded:
            found.add(node.module.partition(".")[0])
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


#: Imports a module as where some packages are missing.
WITHOUT = """
import importlib, importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in sys.argv[2:]:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("stage", "module"),
    [
        ("packages", "api.app"),
        ("packages-light", "worker.webhooks.worker"),
        ("packages-light", "worker.maintenance"),
        ("packages-flower", "cli.app"),
        ("packages-cpu", "worker.inference"),
    ],
)
def test_every_process_starts_with_the_packages_of_its_image(stage: str, module: str) -> None:
    (asked,) = re.findall(r'"\.\[([\w,]+)\]"', stages()[stage])
    installed = {_plain(name) for name in closure("caravan", set(asked.split(",")))}
    missing = [
        name
        for name, packages in packages_distributions().items()
        if not {_plain(package) for package in packages} & installed
    ]

    result = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *missing],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "pytest" in missing
    assert result.returncode == 0, result.stderr
