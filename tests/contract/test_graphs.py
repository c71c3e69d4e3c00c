"""The decode step in recorded shapes; a recorder that computes again stands in for CUDA's."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest

torch = pytest.importorskip("torch")
from torch._subclasses.fake_tensor import (  # noqa: E402
    DataDependentOutputException,
    FakeTensorMode,
)
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from worker.engines.transformers.cache import SlotCache  # noqa: E402
from worker.engines.transformers.graphs import (  # noqa: E402
    CudaRecorder,
    StepGraphs,
    at_least,
    row_buckets,
    width_buckets,
)
from worker.engines.transformers.llama import Llama  # noqa: E402

pytestmark = pytest.mark.torch

SLOTS, CONTEXT, VOCABULARY = 6, 300, 10


class Tape:
    """Records a step as a CUDA graph does: fixed inputs, a fixed output, nothing else is kept."""

    def __init__(self, *, room: int = 1000) -> None:
        self.recorded = 0
        self._room = room

    def __call__(self, step: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        if self.recorded == self._room:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        self.recorded += 1
        logits = step().clone()

        def replay() -> None:
            logits.copy_(step())

        return replay, logits


class Model:
    """Adds up what stands in the first columns of a row, and notes the shapes it was run in."""

    def __init__(self) -> None:
        self.cache = torch.zeros(SLOTS, CONTEXT + 1)
        self.shapes: list[tuple[int, int, int]] = []

    def __call__(self, ids: Any, columns: Any, width: int) -> Any:
        rows, tokens = ids.shape
        self.shapes.append((rows, tokens, width))
        self.cache[:rows].scatter_(1, columns, ids.float())
        seen = self.cache[:rows, :width].sum(1, keepdim=True) + ids
        return seen.reshape(rows * tokens, 1) + torch.arange(VOCABULARY)


def step(graphs: Any, ids: list[int], columns: list[int], width: int, tokens: int = 1) -> Any:
    with torch.inference_mode():
        asked = (torch.tensor(numbers).view(-1, tokens) for numbers in (ids, columns))
        return graphs(*asked, width)


def recorded(model: Model, tape: Tape, *lengths: int) -> StepGraphs:
    graphs = StepGraphs(model, SLOTS, CONTEXT, torch.device("cpu"), lengths or (1,))
    graphs.record(tape)
    return graphs


def test_every_shape_is_recorded_once_the_largest_first() -> None:
    model, tape = Model(), Tape()

    graphs = recorded(model, tape)

    shapes = [(rows, 1, width) for rows in (6, 4, 3, 2, 1) for width in (300, 256, 128, 64)]
    plain, *taped = model.shapes
    assert plain == (1, 1, 64)  # once as it is, for what layers do when they first run
    assert taped == shapes
    assert len(graphs) == tape.recorded == len(shapes)


def test_a_step_gives_what_it_gives_without_graphs() -> None:
    plain, model = Model(), Model()
    graphs = recorded(model, Tape())

    for ids, columns, width in (
        ([5], [0], 1),
        ([1, 2, 3], [0, 1, 2], 64),
        ([4, 0, 6, 7, 8], [1, CONTEXT, 70, 80, 90], 128),
        ([9, 9], [250, 299], 300),
    ):
        expected = step(plain, ids, columns, at_least(width, width_buckets(CONTEXT)))
        assert torch.equal(step(graphs, ids, columns, width), expected)
    assert torch.equal(model.cache[:, :CONTEXT], plain.cache[:, :CONTEXT])


def test_steps_of_several_tokens_a_row_are_recorded_where_they_are_asked_for() -> None:
    plain, model, tape = Model(), Model(), Tape()
    graphs = recorded(model, tape, 1, 3)
    assert tape.recorded == 2 * 5 * 4

    ids, columns = [*range(1, 16)], [*range(3), CONTEXT, CONTEXT, 9, *range(5, 8), *range(6)]
    expected = step(plain, ids, columns, 64, tokens=3)
    seen = len(model.shapes)
    assert torch.equal(step(graphs, ids, columns, 64, tokens=3), expected)
    assert model.shapes[seen:] == [(6, 3, 64)]  # five rows, in the recording of six
    assert torch.equal(model.cache[:, :CONTEXT], plain.cache[:, :CONTEXT])

    # a length that is not recorded runs as it is
    assert torch.equal(
        step(graphs, [1, 2], [70, 71], 128, tokens=2), step(plain, [1, 2], [70, 71], 128, tokens=2)
    )
    assert model.shapes[-1] == (1, 2, 128)


def test_recording_and_idle_rows_touch_the_scratch_column_alone() -> None:
    model = Model()
    model.cache[:, :CONTEXT] = 1

    graphs = recorded(model, Tape())
    step(graphs, [7] * 5, [CONTEXT] * 5, 64)

    assert (model.cache[:, :CONTEXT] == 1).all()


def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    model = Model()

    with caplog.at_level(logging.WARNING):
        graphs = recorded(model, Tape(room=3))

    assert len(graphs) == 0
    assert "operation not permitted" in caplog.text
    assert torch.equal(step(graphs, [3], [0], 64), step(Model(), [3], [0], 64))


@pytest.mark.parametrize(
    ("slots", "rows"), [(1, [1]), (3, [1, 2, 3]), (8, [1, 2, 3, 4, 8]), (10, [1, 2, 3, 4, 8, 10])]
)
def test_few_numbers_of_rows_hold_every_batch(slots: int, rows: list[int]) -> None:
    assert row_buckets(slots) == rows
    assert [at_least(n, rows) >= n for n in range(1, slots + 1)] == [True] * slots


@pytest.mark.parametrize(
    ("context", "widths"),
    [
        (48, [48]),
        (64, [64]),
        (65, [64, 65]),
        (1024, [64, 128, 256, 512, 1024]),
        (300, [64, 128, 256, 300]),
    ],
)
def test_few_widths_hold_every_context(context: int, widths: list[int]) -> None:
    assert width_buckets(context) == widths


class Streams:
    """What stands in for torch.cuda: which stream is current, and what runs in a recording."""

    def __init__(self) -> None:
        self.current = "default"
        self.ran: list[str] = []

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        before, self.current = self.current, "beside"
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, graph: Any, **how: Any) -> Iterator[None]:
        assert self.current == "beside"
        self.current = "recording"
        yield
        self.current = "beside"  # where the recording fails, its end fails, too


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    made = Streams()
    fakes: dict[str, Any] = {"graph_pool_handle": int, "Stream": MagicMock, "CUDAGraph": MagicMock}
    fakes |= {"stream": made.stream, "graph": made.graph, "current_stream": MagicMock}
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return made


def test_a_step_is_warmed_up_on_the_stream_that_records_it(streams: Streams) -> None:
    def step() -> Any:
        streams.ran.append(streams.current)
        return torch.ones(1)

    replay, logits = CudaRecorder()(step)

    assert streams.ran == ["beside", "beside", "recording"]
    assert streams.current == "default"
    assert logits.item() == 1
    assert callable(replay)


def test_a_recording_that_fails_leaves_the_current_stream_as_it_was(streams: Streams) -> None:
    def step() -> Any:
        if streams.current == "recording":
            raise RuntimeError("operation not permitted when stream is capturing")
        return torch.ones(1)

    with pytest.raises(RuntimeError, match="capturing"):
        CudaRecorder()(step)

    assert streams.current == "default"


@pytest.mark.parametrize("tokens", [1, 4])
def test_the_step_that_is_recorded_never_waits_for_its_device(tokens: int) -> None:
    # Given a model whose numbers do not exist: to ask for one, or for as many as there are, fails
    config = LlamaConfig(
        num_hidden_layers=2, hidden_size=64, intermediate_size=128, vocab_size=96,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    cache = SlotCache(
        2, 4, 2, context_size=300, head_dim=16, dtype=torch.float32, device=torch.device("cpu")
    )
    llama = Llama(model, cache)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        ids, columns = torch.zeros(3, tokens, dtype=torch.int64), torch.full((3, tokens), 299)
        # When it makes a step
        logits = llama.next_logits(ids, columns, 128)
        # Then it gets through
        assert logits.shape == (3 * tokens, 96)
        with pytest.raises(DataDependentOutputException):
            logits.argmax().item()
