"""The webhooks scenario in small: a receiver that misbehaves, senders that are killed."""

from pathlib import Path

from benchmarks.chaos.scenarios import SCENARIOS
from benchmarks.chaos.settings import ChaosSettings


def test_every_event_arrives_in_order_and_signed_whatever_happens(tmp_path: Path) -> None:
    # Given jobs that report to a receiver that fails, hangs and goes away
    settings = ChaosSettings(jobs=40, seed=7)
    # When the workers that send are killed again and again
    result = SCENARIOS["webhooks"](settings, tmp_path / "webhooks")
    # Then every promise holds
    assert result.broken == ()
    assert (result.accepted, result.completed) == (120, 120)
