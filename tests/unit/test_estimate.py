import pytest

from common.estimate import EstimatingTokenizer
from common.prompt import Message, Prompt, Role
from common.settings import CommonSettings, EngineName, read_settings
from tests.models import default_gguf


@pytest.mark.model
def test_an_estimate_is_near_the_count_of_a_real_tokenizer() -> None:
    from common.artifact import open_artifact
    from common.tokenizer import ModelTokenizer

    text = "Explain what a relative strength index of 71 means for a stock after earnings. " * 20
    prompt = Prompt(messages=(Message(Role.USER, text),))
    counted = len(ModelTokenizer.load(open_artifact(default_gguf())).encode(prompt))
    assert 0.7 < len(EstimatingTokenizer().encode(prompt)) / counted < 1.5


def test_even_an_empty_prompt_counts() -> None:
    assert len(EstimatingTokenizer().encode(Prompt(text=""))) == 1


def test_openai_without_an_upstream_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE", "openai")
    with pytest.raises(SystemExit):
        read_settings(CommonSettings)
    assert "UPSTREAM_URL" in capsys.readouterr().err
    monkeypatch.setenv("UPSTREAM_URL", "http://127.0.0.1:8080/v1")
    assert read_settings(CommonSettings).engine is EngineName.OPENAI
