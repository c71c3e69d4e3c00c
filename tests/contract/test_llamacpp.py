"""What is special to the llamacpp engine; the rest is in test_engines.py."""

import importlib
import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from common.prompt import Prompt
from tests.support.engines import (
    CONTEXT_SIZE,
    SLOTS,
    TIMEOUT_SECONDS,
    Bench,
    Call,
    default_artifacts,
    open_bench,
)
from worker.engines import create_engine
from worker.engines.base import Generation, ModelUnavailable
from worker.engines.cores import usable_cores
from worker.engines.llamacpp import native
from worker.engines.settings import EngineSettings

pytestmark = pytest.mark.model

QUESTION = "Explain what an RSI of 71 means for a stock, in three sentences."


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = open_bench("llamacpp")
    yield bench
    bench.engine.close()


# Tokens


def test_the_ids_inside_a_character_are_told_too(bench: Bench) -> None:
    # given a character of three tokens, which llama.cpp's own server tells as one
    prompt = bench.tokenizer.encode(Prompt(text="🦙" * 20))
    # when the model goes on with it
    sampling = bench.request("", max_tokens=30).sampling
    call = bench.call(Generation(prompt, sampling))
    completion = call.completion()
    # then every id is there, and together they are the text
    assert len(call.ids) == completion.new_tokens == 30
    assert completion.text.count("🦙") == 10
    assert call.text == bench.tokenizer.decode(call.ids)


def test_a_logprob_is_of_the_model_whatever_the_temperature(bench: Bench) -> None:
    greedy = bench.ask(QUESTION)
    hot = bench.ask(QUESTION, temperature=1.5, top_k=1)
    assert hot.ids == greedy.ids
    assert [t.logprob for t in hot.tokens] == pytest.approx([t.logprob for t in greedy.tokens])


@pytest.mark.torch
def test_logprobs_are_near_those_of_the_same_weights_in_fp32(bench: Bench) -> None:
    import torch
    from transformers import LlamaForCausalLM

    call = bench.ask(QUESTION, max_tokens=64)
    model = LlamaForCausalLM.from_pretrained(default_artifacts()["safetensors"].path)
    prompt = bench.ids(QUESTION)
    with torch.inference_mode():
        logits = model.float()(torch.tensor([[*prompt, *call.ids]])).logits[0, len(prompt) - 1 : -1]
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(call.ids)[:, None])[:, 0].tolist()
    errors = [abs(t.logprob - e) for t, e in zip(call.tokens, expected, strict=True)]
    assert sum(errors) / len(errors) < 0.1
    assert max(errors) < 1


# Slots


def test_a_prompt_that_begins_like_the_last_one_is_answered_as_if_it_came_first() -> None:
    # given two engines, one of which has answered another question under the same system prompt
    fresh, used = open_bench("llamacpp"), open_bench("llamacpp")
    used.ask("Why do bond prices fall when interest rates rise?")
    # when both are asked the same, twice
    answers = [bench.ask(QUESTION) for bench in (fresh, used, used)]
    # then they say the same
    assert len({tuple(answer.ids) for answer in answers}) == 1
    logprobs = [[token.logprob for token in answer.tokens] for answer in answers]
    assert logprobs[1] == pytest.approx(logprobs[0], abs=0.05)
    assert logprobs[2] == pytest.approx(logprobs[0], abs=0.05)
    fresh.engine.close()
    used.engine.close()


def test_a_system_prompt_that_a_neighbour_has_read_is_not_read_again() -> None:
    # given a slot that is busy under a long system prompt
    fresh, shared = open_bench("llamacpp"), open_bench("llamacpp")
    system = "You are a careful analyst who explains one thing at a time. " * 12
    busy = shared.call(shared.request(f"{system}{QUESTION}", max_tokens=40))
    assert busy.began.wait(TIMEOUT_SECONDS)
    # when another slot gets the same beginning
    question = f"{system}What is a bond?"
    call = shared.call(shared.request(question))
    # then it computes the question alone, and says what it would have said
    assert call.completion().cached_tokens > 12 * 10
    assert call.ids == fresh.ask(question).ids
    assert busy.completion().new_tokens > 0
    fresh.engine.close()
    shared.engine.close()


def test_neighbours_go_on_while_a_long_prompt_is_read() -> None:
    # given a slot that decodes, and a newcomer with a prompt of 15 pieces
    bench = open_bench("llamacpp", n_batch=32)
    sampling = bench.request("").sampling
    newcomer = Generation((bench.ids(QUESTION) * 20)[: 15 * 32], sampling)
    arrivals: list[Call] = []

    def arrive(call: Call) -> None:
        if not arrivals:
            arrivals.append(bench.call(newcomer))
        elif not arrivals[0].began.is_set():
            made_meanwhile.append(call.ids[-1])

    made_meanwhile: list[int] = []
    bench.call(bench.request(QUESTION, max_tokens=60), arrive).completion()
    arrivals[0].completion()
    # then the neighbour has had a token for every piece
    assert len(made_meanwhile) >= 14
    bench.engine.close()


# The knobs


def test_info_shows_the_knobs_as_they_came_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "worker.engines.llamacpp"):
        bench = open_bench("llamacpp", n_threads=1000, n_gpu_layers=35, f16_kv=False, n_batch=64)
    info = bench.engine.info()
    bench.engine.close()
    assert (info.engine, info.quantization, info.device) == ("llamacpp", "Q4_1", "cpu")
    assert info.gpu_layers == 0
    assert [r.message for r in caplog.records if "N_GPU_LAYERS=35" in r.message] != []
    assert len(caplog.records) == 1
    assert info.details == {
        "n_ctx": CONTEXT_SIZE,
        "n_batch": 64,
        "n_threads": usable_cores(),
        "n_threads_one": usable_cores(),
        "use_mlock": False,
        "use_mmap": True,
        "f16_kv": False,
        "kv_bytes": SLOTS * CONTEXT_SIZE * 30 * 2 * 192 * 4,
    }


def test_what_autotune_finds_is_remembered_and_changes_no_answer(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache" / "autotune.json"
    for _ in range(2):
        tuned = open_bench("llamacpp", n_gpu_layers=0, autotune_cache=cache)
        assert tuned.ask(QUESTION).ids == bench.ask(QUESTION).ids
        details = tuned.engine.info().details
        tuned.engine.close()
    (found,) = json.loads(cache.read_text()).values()
    assert found == {"one": details["n_threads_one"], "many": details["n_threads"]}
    assert [r.message[:9] for r in caplog.records] == ["autotune:"], "measured once"


def test_another_library_is_used(bench: Bench) -> None:
    wheel = Path(importlib.import_module("xllamacpp.xllamacpp").__file__ or "")
    other = open_bench("llamacpp", llamacpp_library=wheel)
    assert other.ask(QUESTION).ids == bench.ask(QUESTION).ids
    other.engine.close()


def test_a_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"libllama\.so"):
        native.library(tmp_path / "libllama.so")


@pytest.mark.parametrize("knobs", [{"use_mmap": False}, {"use_mlock": True}, {"f16_kv": False}])
def test_the_answer_is_the_same_however_the_weights_are_held(
    bench: Bench, knobs: dict[str, Any]
) -> None:
    other = open_bench("llamacpp", **knobs)
    assert other.ask(QUESTION).ids == bench.ask(QUESTION).ids
    other.engine.close()


# Neighbours in the process


def test_loading_and_answering_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    bench = open_bench("llamacpp", n_gpu_layers=0)
    bench.ask(QUESTION)
    bench.engine.close()
    assert capfd.readouterr() == ("", "")


def test_no_port_is_opened_and_signals_stay_with_python() -> None:
    received: list[int] = []
    ports = listening()
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    bench = open_bench("llamacpp")
    try:
        bench.ask(QUESTION)
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM]
        assert listening() <= ports
    finally:
        signal.signal(signal.SIGTERM, before)
        bench.engine.close()


def listening() -> set[int]:
    """The ports on which this process listens; other tests may have servers in it."""
    connections = psutil.Process().net_connections()
    return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}


# What cannot be loaded


@pytest.mark.parametrize("damage", ["missing", "empty", "another format", "cut short"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    artifact = default_artifacts()["gguf"]
    path = tmp_path / "model.gguf"
    if damage != "missing":
        size = artifact.path.stat().st_size // 2 if damage == "cut short" else 0
        with artifact.path.open("rb") as whole:
            path.write_bytes(b"not GGUF" if damage == "another format" else whole.read(size))
    tokenizer = open_bench("echo").tokenizer
    engine = create_engine("llamacpp", EngineSettings(), replace(artifact, path=path), tokenizer)
    with pytest.raises(ModelUnavailable, match=f"llama.cpp cannot load {path}"):
        engine.load()


def test_safetensors_are_refused(tmp_path: Path) -> None:
    artifact = replace(default_artifacts()["gguf"], path=tmp_path, format="safetensors")
    engine = create_engine("llamacpp", EngineSettings(), artifact, open_bench("echo").tokenizer)
    with pytest.raises(ModelUnavailable, match="use ENGINE=transformers"):
        engine.load()


def test_a_tokenizer_with_more_ids_than_the_model_is_refused() -> None:
    artifact = default_artifacts()["gguf"]
    other: Any = SimpleNamespace(vocab_size=49_153, eos_token_ids=frozenset())
    engine = create_engine("llamacpp", EngineSettings(context_size=64), artifact, other)
    with pytest.raises(ModelUnavailable, match="it has 49153 ids, the model 49152"):
        engine.load()


def test_a_library_with_another_interface_is_refused() -> None:
    library = native.library()
    shifted = library.llama_context_default_params()
    shifted.n_batch, shifted.n_ubatch = shifted.n_ubatch, shifted.n_batch
    other = SimpleNamespace(
        llama_model_default_params=library.llama_model_default_params,
        llama_context_default_params=lambda: shifted,
    )
    with pytest.raises(ModelUnavailable, match=r"constraints\.txt"):
        native.check_layout(other)
