"""``python -m compose.sbom FILE``: what the images are made of, as CycloneDX, by Trivy.

Of the packages that are installed here, those that the images install: the closure of their
extras. What the base images bring is in no list but Trivy's of a built image
(``trivy image --format cyclonedx``).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PLACE = Path("opt", "venv", "lib", "site-packages")


def extras() -> set[str]:
    """The extras that some Dockerfile installs."""
    texts = [(ROOT / folder / "Dockerfile").read_text() for folder in ("api", "worker")]
    found = re.findall(r'"\.\[([\w,]+)\]"', "\n".join(texts))
    return {extra for group in found for extra in group.split(",")}


def closure(name: str, wanted: set[str]) -> dict[str, Distribution]:
    """A package and all that it needs here, by name; what is not installed is left out."""
    found: dict[str, Distribution] = {}
    waiting = [(name, frozenset(wanted))]
    seen = set(waiting)
    while waiting:
        package, marks = waiting.pop()
        try:
            installed = distribution(package)
        except PackageNotFoundError:
            continue
        found[installed.name] = installed
        for text in installed.requires or ():
            requirement = Requirement(text)
            needed = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *marks)
            )
            step = (requirement.name, frozenset(requirement.extras))
            if needed and step not in seen:
                seen.add(step)
                waiting.append(step)
    return found


def write(target: Path) -> None:
    """Describe the closure to Trivy as a file system, and let it write the list."""
    trivy = Path(sys.executable).with_name("trivy")
    with tempfile.TemporaryDirectory() as root:
        for package in closure("caravan", extras()).values():
            folder = Path(root) / PLACE / f"{package.name}-{package.version}.dist-info"
            folder.mkdir(parents=True)
            about = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
            (folder / "METADATA").write_text(about)
            for licence in package.files or ():
                if re.search(r"dist-info/.*LICEN[CS]E", str(licence)):
                    shutil.copy(str(package.locate_file(licence)), folder)
        options = ("--quiet", "--format", "cyclonedx", "--skip-db-update", "--offline-scan")
        subprocess.run([trivy, "rootfs", *options, "--output", target, root], check=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
