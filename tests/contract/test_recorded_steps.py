"""The engine's decode step, replayed from records, chooses what it chooses without them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.artifact import Artifact
from common.tokenizer import ModelTokenizer
from quantization.fetch import fetch
from tests.models import write_tiny_llama
from tests.support.engines import CONTEXT_SIZE, QUESTIONS, SLOTS, Bench
from worker.engines.settings import EngineSettings, Quantization

torch = pytest.importorskip("torch")
from worker.engines.transformers.engine import TransformersEngine  # noqa: E402
from worker.engines.transformers.loading import load_model  # noqa: E402
from worker.engines.transformers.runner import ModelRunner  # noqa: E402

pytestmark = pytest.mark.torch

SETTINGS = EngineSettings(slots=SLOTS, context_size=CONTEXT_SIZE, quantization=Quantization.FP32)


def again(step: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """Stands in for a CUDA graph: computes again, from where the inputs are, to the same place."""
    logits = step().clone()

    def replay() -> None:
        logits.copy_(step())

    return replay, logits


class Recorded(TransformersEngine):
    """As on a GPU."""

    def _load_runner(self) -> ModelRunner:
        model = load_model(self._artifact, SETTINGS)
        return ModelRunner(model, SLOTS, CONTEXT_SIZE, SETTINGS.n_batch, again)


@pytest.fixture
def tiny(tmp_path: Path) -> Artifact:
    return fetch(str(write_tiny_llama(tmp_path / "tiny")), tmp_path, print)[0]


def bench_of(kind: type[TransformersEngine], artifact: Artifact) -> Bench:
    tokenizer = ModelTokenizer.load(artifact)
    engine = kind(SETTINGS, artifact, tokenizer)
    engine.load()
    return Bench("transformers", engine, tokenizer)


def test_recorded_steps_choose_the_same_tokens(tiny: Artifact) -> None:
    # given an engine as it is, and one whose steps are replayed
    benches = [bench_of(kind, tiny) for kind in (TransformersEngine, Recorded)]
    # when both answer more callers than they have slots, for longer than one width
    asked = [benches[0].request(question, max_tokens=70) for question in QUESTIONS]
    answers = [
        [call.completion().token_ids for call in [bench.call(one) for one in asked]]
        for bench in benches
    ]
    # then they say the same, and the second one from records: three rows, four widths
    assert answers[0] == answers[1]
    assert [bench.engine.info().details["graphs"] for bench in benches] == [0, 3 * 4]
    for bench in benches:
        bench.engine.close()


@pytest.mark.parametrize(
    ("device", "knobs", "recorded"),
    [
        ("cuda", {}, True),
        ("cpu", {}, False),
        ("cuda", {"cuda_graphs": False}, False),
        ("cuda", {"quantization": Quantization.INT8}, False),
        ("cuda", {"quantization": Quantization.INT8, "int8_threshold": 0.0}, True),
    ],
)
def test_steps_are_recorded_where_nothing_in_them_waits(
    tiny: Artifact, device: str, knobs: dict[str, Any], recorded: bool
) -> None:
    engine = TransformersEngine(EngineSettings(**knobs), tiny, ModelTokenizer.load(tiny))
    assert engine._is_recorded(device) is recorded
