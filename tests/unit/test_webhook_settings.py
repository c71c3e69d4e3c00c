"""What the settings of webhooks refuse at start."""

import pytest
from pydantic import ValidationError

from common.settings import CommonSettings, read_settings


def test_networks_are_read_from_a_list() -> None:
    settings = CommonSettings(webhook_allow_networks="127.0.0.0/8, fd00::/8")

    assert [str(network) for network in settings.allowed_networks] == ["127.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize("text", ["localhost", "127.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="webhook_allow_networks"):
        CommonSettings(webhook_allow_networks=text)


def test_a_key_that_could_be_guessed_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEBHOOK_KEY", "short")

    with pytest.raises(SystemExit):
        read_settings(CommonSettings)

    assert capsys.readouterr().err == (
        "error: WEBHOOK_KEY=***: has 5 bytes; it needs at least 32\n"
    )
