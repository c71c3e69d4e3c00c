"""The slot engine against transformers' own ``generate`` and full forward passes."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from common.sampling import Sampling
from tests.support.engines import (
    QUESTION,
    QUESTIONS,
    SLOTS,
    Bench,
    Call,
    cancel_at_three,
    open_bench,
)
from worker.engines.base import Generation
from worker.engines.settings import Quantization

torch = pytest.importorskip("torch")
from worker.engines.transformers.engine import TransformersEngine  # noqa: E402

pytestmark = [pytest.mark.model, pytest.mark.torch]

TOKENS = 20
_ops = torch.ops.mkldnn
in_fp32 = pytest.mark.parametrize("bench", ["transformers"], indirect=True)


def plain_model(bench: Bench) -> Any:
    """The model that the engine runs, to be run without the engine while that is idle."""
    assert isinstance(bench.engine, TransformersEngine)
    assert bench.engine._runner is not None
    return bench.engine._runner.model


def generate(bench: Bench, prompt: Sequence[int]) -> list[int]:
    """What ``model.generate`` makes of ``prompt``, greedily."""
    ids = torch.tensor([list(prompt)])
    output = plain_model(bench).generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS
    )
    made: list[int] = output[0, len(prompt) :].tolist()
    return made


def logits_at_once(bench: Bench, prompt: Sequence[int], generated: Sequence[int]) -> Any:
    """[len(generated), vocab]: what one pass over everything predicts for each place."""
    with torch.inference_mode():
        logits = plain_model(bench)(torch.tensor([[*prompt, *generated]])).logits[0].float()
    return logits[len(prompt) - 1 : -1]


def logits_step_by_step(bench: Bench, prompt: Sequence[int], generated: Sequence[int]) -> Any:
    """The same with transformers' own cache: the prompt but for its last id, then one by one."""
    ids = [*prompt, *generated[:-1]]
    model, edge = plain_model(bench), len(prompt) - 1
    with torch.inference_mode():
        cache = model(torch.tensor([ids[:edge]]), use_cache=True).past_key_values
        rows = [
            model(torch.tensor([[token_id]]), past_key_values=cache).logits[0, -1].float()
            for token_id in ids[edge:]
        ]
    return torch.stack(rows)


def check(logits: Any, ids: Sequence[int], margin: float) -> int:
    """Compare greedy choices where the reference is sure of its own; return how many are."""
    first, second = logits.topk(2).values.T
    sure = (first - second > margin).nonzero()[:, 0].tolist()
    assert [ids[place] for place in sure] == logits[sure].argmax(-1).tolist()
    return len(sure)


def check_logprobs(bench: Bench, prompt: Sequence[int], call: Call) -> None:
    expected = logits_at_once(bench, prompt, call.ids).log_softmax(-1)
    expected = expected[range(len(call.ids)), call.ids].tolist()
    assert [token.logprob for token in call.tokens] == pytest.approx(expected, abs=1e-3)


class Crowd:
    """Calls that come one after another while the earlier ones decode."""

    def __init__(self, bench: Bench, requests: Sequence[Generation]) -> None:
        self._bench = bench
        self._rest = list(requests)
        self.calls: list[Call] = []
        self._bring(None)

    def completions(self) -> list[tuple[int, ...]]:
        """Wait for all; their ids in order of arrival."""
        made = [call.completion().token_ids for call in self.calls]  # grows as it is gone through
        assert not self._rest
        return made

    def _bring(self, call: Call | None) -> None:
        newest = self.calls[-1] if self.calls else None
        if self._rest and call is newest and (call is None or len(call.tokens) >= 3):
            self.calls.append(self._bench.call(self._rest.pop(0), self._bring))


# FP32: token for token


@in_fp32
def test_newcomers_and_neighbours_get_what_generate_gives(bench: Bench) -> None:
    # given prompts of different lengths, one of them prefilled in three pieces
    requests = [bench.request(question, max_tokens=TOKENS) for question in QUESTIONS[:3]]
    requests.insert(1, bench.endless(300, max_tokens=TOKENS))
    # when each arrives three tokens after the one before, and one has to wait for a slot
    made = Crowd(bench, requests).completions()
    # then each gets what it would get alone
    assert made == [tuple(generate(bench, request.prompt_ids)) for request in requests]


@in_fp32
def test_a_slot_that_was_cancelled_leaves_nothing_behind(bench: Bench) -> None:
    # given a neighbour, and a long prompt in another slot that is cancelled
    requests = [bench.request(question, max_tokens=TOKENS) for question in QUESTIONS[:2]]
    neighbour = bench.call(requests[0])
    assert neighbour.began.wait(60)
    bench.call(bench.endless(300), cancel_at_three).completion()
    # when a short prompt takes its slot
    newcomer = bench.call(requests[1])
    # then both get what they would get alone
    expected = [generate(bench, request.prompt_ids) for request in requests]
    assert [list(c.completion().token_ids) for c in (neighbour, newcomer)] == expected


@in_fp32
def test_a_row_that_waits_does_not_touch_its_own_prompt(bench: Bench) -> None:
    # given a neighbour in the second slot, and the first one free again
    requests = [bench.endless(300, max_tokens=5), bench.request(QUESTION, max_tokens=TOKENS)]
    neighbours: list[Call] = []

    def make_room(call: Call) -> None:
        if not neighbours:
            neighbours.append(bench.call(requests[1]))
        elif neighbours[0].began.is_set():
            call.cancelled.set()

    bench.call(bench.endless(), make_room).completion()
    # when a prompt of three pieces takes the first slot, and waits while the neighbour decodes
    newcomer = bench.call(requests[0])
    # then both get what they would get alone
    for request, call in zip(requests, (newcomer, *neighbours), strict=True):
        call.completion()
        check_logprobs(bench, request.prompt_ids, call)


@in_fp32
def test_a_resumed_row_among_others_goes_on_as_generate_would(bench: Bench) -> None:
    expected = generate(bench, bench.ids(QUESTION))
    neighbours = [
        bench.call(bench.request(question, max_tokens=TOKENS)) for question in QUESTIONS[:2]
    ]
    assert all(call.began.wait(60) for call in neighbours)
    resumed = bench.ask(QUESTION, resume=expected[:7], max_tokens=TOKENS)
    assert list(resumed.completion().token_ids) == expected
    assert resumed.ids == expected[7:]
    for question, call in zip(QUESTIONS, neighbours, strict=False):
        assert list(call.completion().token_ids) == generate(bench, bench.ids(question))


@in_fp32
def test_a_system_prompt_that_any_slot_holds_is_not_computed_again(bench: Bench) -> None:
    # given an answer to a question after a long system prompt
    system = bench.endless(200).prompt_ids
    questions = [bench.ids(question) for question in QUESTIONS[:SLOTS]]
    requests = [
        Generation([*system, *question], Sampling(max_tokens=TOKENS, temperature=0.0))
        for question in questions
    ]
    bench.call(requests[0]).completion()
    # when others follow, each in a slot of its own
    calls = Crowd(bench, requests)
    made = calls.completions()
    # then they begin with what the first one computed, and get what they would get alone
    for call in calls.calls:
        assert call.completion().cached_tokens >= len(system)
    assert made == [tuple(generate(bench, request.prompt_ids)) for request in requests]


@in_fp32
def test_log_probabilities_are_those_of_the_plain_model(bench: Bench) -> None:
    for temperature in (0.0, 1.0):
        call = bench.ask(QUESTION, temperature=temperature, seed=3, top_p=0.9)
        check_logprobs(bench, bench.ids(QUESTION), call)


@in_fp32
def test_three_slots_are_one_batch(bench: Bench) -> None:
    # given a watch on how many tokens go through the model in a pass
    passes: list[int] = []
    hook = plain_model(bench).model.embed_tokens.register_forward_pre_hook(
        lambda _module, args: passes.append(args[0].numel())
    )
    # when three generate at the same time
    calls = [bench.call(bench.request(question)) for question in QUESTIONS[:SLOTS]]
    made = sum(call.completion().new_tokens for call in calls)
    hook.remove()
    # then most of their tokens came from passes over all three rows
    assert SLOTS in passes
    assert len(passes) < made / 2


# Smaller precisions: the plain model reads what the engine wrote

#: A parameter's share of the memory; a fifth of this model are embeddings, in 16 bits.
_BITS = {"int8": 9.7, "int4": 6.5, "int4-fast": 7.3}
#: What the embeddings take once more as an output layer that is packed for the processor.
_PACKED_HEAD_BITS = 3.4


@pytest.fixture(scope="module", params=["bf16", "fp16", "int8", "int4", "int4-fast"])
def small_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = open_bench("transformers", Quantization(request.param))
    yield bench
    bench.engine.close()


def test_slots_that_share_a_batch_choose_as_the_plain_model(small_bench: Bench) -> None:
    # In INT8 the plain model's own single pass and single steps part ways at margins up to
    # 0.9: bitsandbytes looks for outlier columns in all rows of a batch at once.
    margin = 1.0 if small_bench.engine.info().quantization == "int8" else 0.25
    requests = [small_bench.request(question, max_tokens=TOKENS) for question in QUESTIONS[:SLOTS]]
    sure = 0
    for request, ids in zip(requests, Crowd(small_bench, requests).completions(), strict=True):
        sure += check(logits_at_once(small_bench, request.prompt_ids, ids), ids, margin)
    assert sure > 4 * SLOTS


def test_a_slot_alone_chooses_as_the_plain_model_step_by_step(small_bench: Bench) -> None:
    call = small_bench.ask(QUESTION, max_tokens=TOKENS)
    logits = logits_step_by_step(small_bench, small_bench.ids(QUESTION), call.ids)
    assert check(logits, call.ids, margin=0.25) > TOKENS / 2


def test_weights_take_the_memory_of_their_precision(small_bench: Bench) -> None:
    info = small_bench.engine.info()
    assert info.parameters
    assert info.memory_bytes
    bits = 8 * (info.memory_bytes - info.details["kv_cache_bytes"]) / info.parameters
    is_packed = info.details["dtype"] == "bfloat16" and _ops._is_mkldnn_bf16_supported()
    expected = _BITS.get(info.quantization, 16) + is_packed * _PACKED_HEAD_BITS
    assert bits == pytest.approx(expected, abs=0.3)
    assert info.gpu_layers is None
