"""A model learns from explanations, in steps that can be interrupted, and is served."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.artifact import Artifact, ArtifactError, open_artifact
from common.prompt import Prompt
from common.tokenizer import ModelTokenizer
from quantization.__main__ import main
from quantization.fetch import fetch
from quantization.finetune import training as training_module
from quantization.finetune.dataset import IGNORED, examples, prompts, read_rows, split
from quantization.finetune.training import collate
from tests.models import write_tiny_llama
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.torch,
    # peft asks transformers by a name that is to go
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]

QUICK = ["--batch-size", "4", "--learning-rate", "0.01", "--share", "0.2", "--longest", "512"]
ROW: dict[str, Any] = {
    "context": {"analysis_type": "sentiment", "symbol": "AAPL", "sentiment_score": 0.75},
    "explanation": "The mood is good.",
}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def base(state_dir: Path) -> Artifact:
    """The tiny Llama, with room for a prompt of bytes."""
    path = write_tiny_llama(state_dir / "tiny", max_position_embeddings=512)
    return fetch(str(path), state_dir, print)[0]


@pytest.fixture(scope="module")
def dataset(state_dir: Path) -> Path:
    path = state_dir / "rows.jsonl"
    rows = [ROW | {"explanation": f"The mood is good, says number {n}."} for n in range(10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def finetune(base: Artifact, dataset: Path, output: Path, state_dir: Path, *more: str) -> int:
    arguments = ["finetune", "--base-model", str(base.path), "--dataset", str(dataset)]
    arguments += ["--output-dir", str(output), "--state-dir", str(state_dir), *QUICK, *more]
    return main(arguments)


@pytest.fixture(scope="module")
def taught(base: Artifact, dataset: Path, state_dir: Path) -> Path:
    output = state_dir / "taught"
    assert finetune(base, dataset, output, state_dir, "--epochs", "4", "--recipe", "q8_0") == 0
    return output


@pytest.fixture(scope="module")
def stack(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"ENGINE": "transformers", "MODEL": str(taught), "QUANTIZATION": "fp32"}
    stack = Stack(tmp_path_factory.mktemp("stack"), **settings, N_CTX="512")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_it_learns_and_says_how_much(taught: Path) -> None:
    report = json.loads((taught / "training" / "report.json").read_text())

    assert (report["rows_learned"], report["rows_asked"]) == (8, 2)
    assert report["perplexity_after"] < 0.8 * report["perplexity_before"]
    manifest = open_artifact(taught).manifest
    assert manifest["finetuned"]["loss_after"] == report["loss_after"]
    assert manifest["source"]["finetuned_from"] == "tiny"


def test_the_result_is_quantized_too(taught: Path) -> None:
    artifact = open_artifact(taught / "q8_0")
    assert (artifact.recipe, artifact.name) == ("q8_0", "taught")


def test_the_result_is_served_by_its_directory(stack: Stack) -> None:
    # given the service on MODEL=DIR, when it is asked
    with stack.login() as client:
        job = client.post(
            "/explain",
            json={"context": ROW["context"], "max_tokens": 20, "temperature": 0},
            headers={"Prefer": "wait=60"},
        ).json()
    # then what was taught answers
    assert job["status"] == "completed", job
    assert job["result"]["tokens_used"] == 20
    assert job["result"]["model_info"]["model_name"] == "taught"


def test_an_interrupted_run_goes_on_from_its_checkpoint(
    base: Artifact, dataset: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a run that breaks off after its training, before anything is merged
    output, arguments = state_dir / "resumed", ("--max-steps", "6", "--save-steps", "2")
    real = training_module.collate
    calls = 0

    def interrupted(rows: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 6:  # evaluation, then steps
            raise KeyboardInterrupt
        return real(rows)

    with monkeypatch.context() as broken:
        broken.setattr(training_module, "collate", interrupted)
        assert finetune(base, dataset, output, state_dir, *arguments) == 130
    with pytest.raises(ArtifactError):
        open_artifact(output)
    # when it is run again
    assert finetune(base, dataset, output, state_dir, *arguments) == 0
    # then it did not begin at the beginning, and ended where it should
    report = json.loads((output / "training" / "report.json").read_text())
    assert report["resumed_from"] in ("checkpoint-2", "checkpoint-4")
    assert report["steps"] == 6


def test_qlora_learns_too(base: Artifact, dataset: Path, state_dir: Path) -> None:
    output = state_dir / "qlora"
    assert finetune(base, dataset, output, state_dir, "--qlora", "--epochs", "4") == 0

    # bitsandbytes' kernel without a gradient made this grow a million times
    report = json.loads((output / "training" / "report.json").read_text())
    assert report["perplexity_after"] < report["perplexity_before"]


def test_checkpoints_of_another_run_are_not_gone_on_from(
    taught: Path, base: Artifact, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune(base, dataset, taught, taught.parent, "--rank", "8") == 1
    assert "checkpoints of another run" in capsys.readouterr().err


def test_only_the_explanation_is_learned(base: Artifact) -> None:
    tokenizer = ModelTokenizer.load(base)

    (example,) = examples([ROW], tokenizer, 512)

    prompt = tokenizer.encode(prompts([ROW["context"]])[0])
    answer = tokenizer.encode(Prompt(text="The mood is good."))
    assert example.ids == prompt + answer + [1]
    assert example.labels == [IGNORED] * len(prompt) + answer + [1]


def test_short_rows_are_filled_up_with_what_is_not_learned() -> None:
    batch = collate([{"ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"ids": [8], "labels": [8]}])

    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_sample_is_of_contexts_that_the_gateway_knows() -> None:
    rows = read_rows(None)
    assert len(prompts([row["context"] for row in rows])) == len(rows) == 40


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is no JSON"),
        ('{"context": {}}', "line 2 is no {context, explanation}"),
        ("", "has 1 rows"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{line}\n")
    with pytest.raises(ArtifactError, match=message):
        read_rows(path)


def test_a_context_that_the_gateway_refuses_is_named() -> None:
    with pytest.raises(ArtifactError, match=r"row 2 .*analysis_type"):
        prompts([{"analysis_type": "risk"}, {"symbol": "AAPL"}])


def test_some_rows_are_kept_to_ask_about() -> None:
    rows: Any = list(range(10))
    parts: list[Any] = [*split(rows, 0.2), *split(rows[:2], 0.1)]
    assert parts == [[0, 1, 2, 3, 5, 6, 7, 8], [4, 9], [0], [1]]
