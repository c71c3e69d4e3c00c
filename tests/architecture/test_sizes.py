"""The limits of size that keep every file readable in one go."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "cli", "common", "quantization", "worker")

LONGEST_MODULE = 250
MEDIAN_MODULE = 90
LONGEST_FUNCTION = 50
NINE_IN_TEN_FUNCTIONS = 30
LONGEST_SCRIPT = 100

#: Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "helpers", "helper", "manager", "misc", "service"}


def modules() -> list[Path]:
    """Every module of the product with something in it."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if path.stat().st_size]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions() -> Iterator[tuple[str, int]]:
    """Each function's place and its lines, decorators and docstring included."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_module_is_longer_than_one_reading() -> None:
    assert [str(path) for path in modules() if lines(path) > LONGEST_MODULE] == []


def test_the_usual_module_is_short() -> None:
    assert statistics.median(map(lines, modules())) <= MEDIAN_MODULE


def test_no_function_is_long_and_most_are_short() -> None:
    sizes = dict(functions())

    assert {place: size for place, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= NINE_IN_TEN_FUNCTIONS


def test_a_script_is_one_transition() -> None:
    scripts = sorted((ROOT / "common" / "lua").glob("*.lua"))

    assert scripts
    assert [path.name for path in scripts if lines(path) > LONGEST_SCRIPT] == []


def test_every_module_is_named_for_what_is_in_it() -> None:
    assert {path.stem for path in modules()} & EMPTY_NAMES == set()
