"""What a container of the gateway has installed, out of what is installed here.

A developer's environment has a hundred packages more, and some that are found are used: structlog
imports rich, rich imports pygments and attrs, OpenTelemetry imports psutil.
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

#: As api/Dockerfile installs it.
EXTRAS = ("api", "s3", "tracing")


def link_packages(folder: Path, project: str = "caravan") -> None:
    """Put links to the packages into ``folder``, for a Python that knows no others."""
    folder.mkdir()
    for package in _closure(project, EXTRAS):
        for name in {file.parts[0] for file in package.files or () if ".." not in file.parts}:
            link = folder / name
            if not link.is_symlink() and name != "__pycache__":
                link.symlink_to(Path(str(package.locate_file(name))))


def _closure(project: str, extras: tuple[str, ...]) -> list[Distribution]:
    """What the project's extras need, directly and through others; not the project itself."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, Distribution] = {}
    wanted = [(project, extra) for extra in ("", *extras)]
    while wanted:
        name, extra = one = wanted.pop()
        if one in seen:
            continue
        seen.add(one)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of another system, or a choice that is not taken here
            continue
        if name != project:
            found[name] = package
        for need in map(Requirement, package.requires or ()):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                wanted += [(need.name, more) for more in ("", *need.extras)]
    return list(found.values())
