"""A rate of several streams is taken while all of them decode, or not at all."""

import pytest

from common.tokenizer import ByteTokenizer
from quantization.measure.speed import decode_rate
from worker.engines.base import EngineError
from worker.engines.echo import EchoEngine
from worker.engines.settings import EngineSettings

PROMPTS = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def engine(slots: int) -> EchoEngine:
    return EchoEngine(EngineSettings(slots=slots, echo_tokens_per_second=200), ByteTokenizer())


def test_streams_side_by_side_have_a_rate() -> None:
    assert decode_rate(engine(slots=3), PROMPTS, 20) > 0


def test_streams_that_never_meet_have_none() -> None:
    with pytest.raises(EngineError, match="3 streams of 4 tokens never decoded together"):
        decode_rate(engine(slots=1), PROMPTS, 4)
