"""What the prompt guard does is chosen by route and user."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.guard.policy import Policies, Policy
from api.settings import ApiSettings


def settings(path: Path, **guard: str) -> ApiSettings:
    return ApiSettings(state_dir=path, **guard)  # type: ignore[arg-type] # as the environment has it


def test_without_settings_every_route_is_flagged(tmp_path: Path) -> None:
    assert settings(tmp_path).guard_policies == Policies(Policy.FLAG, {})


def test_a_route_may_have_a_policy_of_its_own(tmp_path: Path) -> None:
    routes = json.dumps({"/v1/completions": "off", "/explain": "block"})

    policies = settings(tmp_path, prompt_guard="flag", prompt_guard_routes=routes).guard_policies

    assert policies.of("/v1/completions") is Policy.OFF
    assert policies.of("/explain") is Policy.BLOCK
    assert policies.of("/generate") is Policy.FLAG


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt_guard": "maybe"},
        {"prompt_guard_routes": '{"/nowhere": "off"}'},
        {"prompt_guard_routes": '{"/explain": "maybe"}'},
        {"prompt_guard_routes": "off"},
    ],
)
def test_what_names_no_route_or_policy_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path, **wrong)


@pytest.mark.parametrize(
    ("stored", "policy"), [("block", Policy.BLOCK), ("off", Policy.OFF), (None, None), ("?", None)]
)
def test_a_record_of_another_version_has_no_policy(
    stored: str | None, policy: Policy | None
) -> None:
    assert Policy.known(stored) is policy
