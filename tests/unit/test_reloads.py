"""Which model is in force after reloads by name, and what may be asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.problems import InvalidRequest
from api.reloads import plan
from api.requests.reload import ReloadRequest
from api.settings import ApiSettings
from common.commands import Command, Target, Verb, parse_command
from common.reloads import Reload, ReloadState, Step, concerns, in_force
from common.variants import variants

OLD, NEW = Target(model="old"), Target(model="new", quantization="int8")
RELOAD = Reload("cmd_1", NEW, OLD)


def step(state: ReloadState, configured: Target = OLD) -> Step:
    return Step(state, "", configured)


def test_what_is_stored_is_read_again() -> None:
    assert Reload.from_json(RELOAD.to_json()) == RELOAD
    failed = Step(ReloadState.FAILED, "no memory", OLD)
    assert Step.from_json(failed.to_json()) == failed
    command = Command(Verb.RELOAD, target=NEW, workers=("one",))
    assert parse_command(command.to_json()) == command
    assert (command.concerns("one"), command.concerns("two")) == (True, False)


def test_a_command_of_an_older_gateway_is_understood() -> None:
    assert parse_command('{"verb": "reload", "id": "c"}') == Command(Verb.RELOAD, "c")


def test_the_last_target_holds_unless_a_worker_could_not_load_it() -> None:
    assert in_force(None, {}) == Target()
    assert in_force(RELOAD, {}) == NEW
    assert in_force(RELOAD, {"a": step(ReloadState.READY)}) == NEW
    failed = {"a": step(ReloadState.FAILED), "b": step(ReloadState.SKIPPED)}
    assert in_force(RELOAD, failed) == OLD


def test_a_worker_with_other_settings_than_those_that_obeyed_keeps_its_own() -> None:
    obeyed = {"a": step(ReloadState.READY, configured=Target(model="old"))}
    assert concerns(Target(model="old"), obeyed)
    assert not concerns(Target(model="changed since"), obeyed)
    assert concerns(Target(model="any"), {})


# What may be asked for


def model(state_dir: Path, folder: str, quantization: str, kind: str, name: str = "Llama") -> None:
    """A folder with files and their manifest."""
    directory = state_dir / "models" / folder
    directory.mkdir(parents=True)
    weights = "weights.gguf" if kind == "gguf" else "model.safetensors"
    (directory / weights).write_text("w")
    manifest: dict[str, Any] = {
        "schema": 1,
        "name": name,
        "format": kind,
        "quantization": quantization,
        "context_size": 64,
        "parameters": 1,
        "eos_token_ids": [0],
        "special_tokens": {},
        "weights": [weights],
        "files": [{"name": weights, "bytes": 1}],
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    """A gateway with one model in three quantizations, and another one."""
    model(tmp_path, "llama-q4", "Q4_1", "gguf")
    model(tmp_path, "llama-q8", "Q8_0", "gguf")
    model(tmp_path, "llama", "none", "safetensors")
    model(tmp_path, "other", "Q2_K", "gguf", name="Other")
    return ApiSettings(state_dir=tmp_path, engine="auto", model="llama-q4")


def asked(settings: ApiSettings, current: Target = Target(), **fields: Any) -> Target:  # noqa: B008
    return plan(current, ReloadRequest(**fields), settings)


def test_nothing_named_is_the_same_again(settings: ApiSettings) -> None:
    assert asked(settings, Target("llamacpp", "llama-q8")) == Target("llamacpp", "llama-q8")


def test_a_reset_is_what_the_workers_were_started_with(settings: ApiSettings) -> None:
    assert asked(settings, Target("llamacpp", "llama-q8"), reset=True) == Target()


def test_a_quantization_that_is_there_is_found_by_its_name(settings: ApiSettings) -> None:
    assert {v.folder for v in variants("Llama", settings.state_dir)} == {
        "llama",
        "llama-q4",
        "llama-q8",
    }
    assert asked(settings, quantization="q8_0") == Target(model="llama-q8")


def test_one_that_the_engine_can_make_is_left_to_it(settings: ApiSettings) -> None:
    wanted = asked(settings, model="llama", quantization="int8")
    assert wanted == Target(model="llama", quantization="int8")


def test_another_model_forgets_the_quantization_of_the_one_before(settings: ApiSettings) -> None:
    current = Target(model="llama", quantization="int8")
    assert asked(settings, current, model="other") == Target(model="other")
    assert asked(settings, current) == current


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"model": "missing"}, "model", "missing"),
        ({"model": "/missing"}, "model", "no model at /missing"),
        ({"quantization": "q2_k"}, "quantization", "there is q4_1, q8_0"),
        ({"engine": "openai"}, "engine", "UPSTREAM_URL"),
    ],
)
def test_what_cannot_be_had_is_refused_before_a_worker_is_disturbed(
    settings: ApiSettings, fields: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said) as raised:
        asked(settings, **fields)
    assert raised.value.errors[0]["field"] == field


def test_engines_without_files_need_none(settings: ApiSettings) -> None:
    assert asked(settings, engine="echo") == Target(engine="echo")
