"""The reader of pages runs what it should, and tells where it failed."""

import shutil
from pathlib import Path

import pytest

from tests.support.live import PageError, Reader
from tests.support.pages import PYTHON, SHELL, Page


def page(tmp_path_factory: pytest.TempPathFactory, *lines: str) -> Page:
    root = tmp_path_factory.mktemp("pages")
    (root / "page.md").write_text("\n".join(lines))
    return Page.read(root, Path("page.md"))


def test_a_command_that_fails_is_named_by_page_and_line(
    reader: Reader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = page(tmp_path_factory, "Text", "```sh", "true", "false", "```")

    with pytest.raises(PageError, match=r"page\.md:4 failed"):
        reader.try_shell(said)


def test_an_address_that_the_gateway_refuses_fails_unless_the_page_says_so(
    reader: Reader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command = 'curl -s http://localhost:8000/jobs/job_none -H "Authorization: Bearer $TOKEN"'
    bare = page(tmp_path_factory, "```sh", command, "```")
    told = page(tmp_path_factory, "```sh", "# answers 404", command, "```")
    wrong = page(tmp_path_factory, "```sh", "# answers 422", command, "```")

    with pytest.raises(PageError, match=r"page\.md:2 failed"):
        reader.try_shell(bare)
    reader.try_shell(told)
    with pytest.raises(PageError, match="not the 422 that the page says"):
        reader.try_shell(wrong)


def test_blocks_of_a_page_are_one_shell_and_one_program(
    reader: Reader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = page(
        tmp_path_factory,
        *("```sh", "NAME=caravan", "```", "text", "```console", "$ test $NAME = caravan"),
        *("whatever it prints", "```", "```python", "a = 1", "```", "```python", "assert a == 1"),
        "```",
    )

    reader.try_shell(said)
    reader.try_python(said)


def test_an_error_of_python_names_the_line_of_the_page(
    reader: Reader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = page(tmp_path_factory, "Text", "```python", "a = 1", "print(b)", "```")

    with pytest.raises(PageError, match=r'"page\.md", line 4'):
        reader.try_python(said)


def test_what_says_why_not_is_not_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    said = page(
        tmp_path_factory,
        *("```sh", "make check", "make test \\", "  ARGS=x  # takes ten minutes", "make stop"),
        *("# needs a cluster", "kubectl get pods", "```", "```sh", "make run", "```"),
    )

    runs = [line for line in said.script(*SHELL).splitlines() if line.startswith(("make", "kube"))]
    assert runs == ["make check", "make stop", "make run"]
    assert "kubectl get pods" in said.script(*SHELL, everything=True)
    assert not said.has(*PYTHON)


def test_a_command_in_a_block_without_a_label_is_found(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    said = page(tmp_path_factory, "```", "caravan status", "{}", "```")

    assert said.unlabelled_commands() == ["page.md:2: caravan status"]


def test_the_stack_of_the_pages_has_what_it_needs() -> None:
    assert shutil.which("bash")
    assert shutil.which("curl")
