"""From measurements to a table, pictures and a recommendation."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.artifact import ArtifactError
from quantization.__main__ import main
from quantization.commands.compare import parse_size
from quantization.compare.choice import Rules, best_overall, most_frugal, pareto_front
from quantization.compare.report import markdown, summary
from quantization.compare.rows import Row, read_rows, reference_of
from quantization.compare.table import main_table, relative_table
from quantization.recipes import RECIPES


def measurement(
    recipe: str, gigabytes: float, speed: float, quality: float, ratio: float = 1.0
) -> dict[str, Any]:
    spread = {"least": speed * 0.9, "most": speed * 1.1}
    return {
        "model": "llama",
        "recipe": recipe,
        "title": RECIPES[recipe].title,
        "artifact_bytes": int(gigabytes * 1e9),
        "peak_memory_bytes": int((gigabytes + 1) * 1e9),
        "decode_tokens_per_second": {"1": speed, "3": speed},
        "spread": {"decode": {"1": spread, "3": spread}},
        "time_to_first_token_seconds": 0.2,
        "load_seconds": 1.5,
        "perplexity": 8.0 * ratio,
        "perplexity_ratio": ratio,
        "mean_kl": ratio - 1,
        "top1_agreement": quality / 10,
        "quality_score": quality,
        "errors": {"perplexity_ratio": 0.001, "mean_kl": 0.0001},
        "device": "cpu",
        "tokens_scored": 4094,
        "command": "measure",
        "artifact": {"notes": [], "source": {}},
        "protocol": dict.fromkeys(
            [
                "text_sha256",
                "window",
                "context_size",
                "slots",
                "perplexity",
                "text",
                "text_tokens",
                "windows",
                "reference_precision",
                "decoding",
                "errors",
                "quality_score",
            ],
            "x",
        ),
        "machine": {"cpu": "x", "cores": 2, "memory_bytes": 1, "system": "x", "load_average": 0},
        "versions": {"python": "3"},
    }


MEASUREMENTS = [
    measurement("fp16", 15.2, 12.3, 10.0),
    measurement("int8", 8.1, 18.7, 9.8, 1.0085),
    measurement("nf4", 4.3, 24.1, 8.4, 1.079),
    measurement("fp4", 4.4, 20.0, 8.0, 1.1),
]
FP16, INT8, NF4, FP4 = ROWS = [Row.of(item) for item in MEASUREMENTS]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for item in MEASUREMENTS:
        (tmp_path / f"{item['recipe']}.json").write_text(json.dumps(item))
    return tmp_path


def test_the_table_has_the_documents_columns_and_rows() -> None:
    lines = main_table(ROWS).splitlines()

    assert lines[0] == (
        "| Model Version | Size (GB) | Memory (GB) | Inference Speed (tokens/s) | Perplexity "
        "| Quality Score |"
    )
    assert lines[2] == "| Original FP16 | 15.2 | 16.2 | 12.3 | 8.00 | 10.0/10 |"
    assert lines[3] == "| 8-bit INT8 | 8.1 | 9.1 | 18.7 | 8.07 | 9.8/10 |"


def test_the_documents_own_numbers_give_its_own_percentages() -> None:
    # given the sizes and speeds of the document, then its 47/52 and 72/96 come out
    lines = relative_table(ROWS, FP16).splitlines()

    assert lines[3].endswith("| 47 % / 52 % | 47 % / 52 % |")
    assert lines[4].endswith("| 72 % / 96 % | 72 % / 96 % |")


def test_results_are_read_in_the_order_of_the_recipes(results: Path) -> None:
    assert [row.recipe for row in read_rows([results])] == ["fp16", "int8", "nf4", "fp4"]


@pytest.mark.parametrize(
    ("rules", "best", "frugal"),
    [
        (Rules(), "int8", "nf4"),
        (Rules(min_quality=8.0), "nf4", "nf4"),
        (Rules(prefer="quality"), "fp16", "nf4"),
        (Rules(prefer="speed", min_quality=8.4), "nf4", "nf4"),
        (Rules(max_memory_bytes=5_400_000_000, min_quality=7.5), "nf4", "nf4"),
        (Rules(floor=9.0), "int8", "int8"),
        (Rules(max_memory_bytes=1_000_000), None, None),
        (Rules(min_quality=10.5), None, "nf4"),
    ],
)
def test_the_rules_choose(rules: Rules, best: str | None, frugal: str | None) -> None:
    chosen = best_overall(ROWS, FP16, rules), most_frugal(ROWS, rules)
    assert [row.recipe if row else None for row in chosen] == [best, frugal]


def test_full_precision_wins_where_quantization_gains_nothing() -> None:
    # given an INT8 as small GPUs' users see it on fast ones: smaller, but far slower
    slow = Row.of(measurement("int8", 8.1, 5.0, 9.8))
    report = markdown([FP16, slow], Rules(), (), "compare")

    assert "**Best Overall**: Original FP16. No quantized version gains enough" in report


def test_the_front_has_all_that_nothing_beats_everywhere() -> None:
    assert pareto_front(ROWS) == [FP16, INT8, NF4]


def test_the_report_ends_with_reasons_in_numbers() -> None:
    report = markdown(ROWS, Rules(), (), "compare")

    assert "**Best Overall**: 8-bit INT8. 47 % smaller and 52 % faster than FP16" in report
    assert "perplexity +0.85 ± 0.10 %" in report
    assert "**For Resource-Constrained Environments**: 4-bit INT4 (NF4). 72 % smaller" in report
    assert "Rules: Best overall: quality at least 8.5; of these" in report


def test_without_fp16_there_are_no_percentages() -> None:
    assert reference_of([INT8, NF4]) is None
    assert "Against FP16" not in markdown([INT8, NF4], Rules(), (), "compare")
    assert summary([INT8, NF4], Rules())["best_overall"] is None


@pytest.mark.parametrize(
    ("text", "size"), [("12GB", 12 * 10**9), ("1.5 GiB", 1610612736), ("800MB", 8 * 10**8)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_what_does_not_compare_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = measurement("bf16", 15.2, 12.0, 9.9)
    other["protocol"]["text_sha256"] = "another"
    (results / "bf16.json").write_text(json.dumps(other))

    with pytest.raises(ArtifactError, match="differ in text_sha256"):
        read_rows([results])
    (results / "bf16.json").write_text("{}")
    assert main(["compare", str(results)]) == 1
    assert "bf16.json is no result of measure" in capsys.readouterr().err


def test_the_command_writes_report_json_and_plots(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "report" / "quantization.md"
    rules = ["--max-memory", "12GB", "--min-quality", "8", "--prefer", "speed"]

    assert main(["compare", str(results), "--output", str(output), *rules]) == 0

    made = {path.name: path.stat().st_size for path in output.parent.iterdir()}
    stems = ["quantization-bars", "quantization-tradeoff"]
    pictures = [f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")]
    assert set(made) == {"quantization.md", "quantization.json", *pictures}
    assert min(made[name] for name in pictures) > 5_000
    assert "![quantization-tradeoff](quantization-tradeoff.svg)" in output.read_text()
    content = json.loads(output.with_suffix(".json").read_text())
    assert content["best_overall"] == "nf4"
    assert len(content["measurements"]) == 4
