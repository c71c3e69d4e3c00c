"""The chaos run in small, with a fixed seed: every job that was accepted ends once.

`make chaos` runs all scenarios at full size; see docs/chaos.md.
"""

from pathlib import Path

import pytest

from benchmarks.chaos.scenarios import SCENARIOS
from benchmarks.chaos.settings import ChaosSettings

SEED = 7


@pytest.mark.parametrize(
    ("scenario", "jobs"), [("kill", 300), ("everysec", 60), ("gateway", 120), ("poison", 24)]
)
def test_what_was_accepted_ends_once_whatever_is_killed(
    scenario: str, jobs: int, tmp_path: Path
) -> None:
    # Given real processes under load, when they are killed as the scenario says
    settings = ChaosSettings(jobs=jobs, seed=SEED)
    result = SCENARIOS[scenario](settings, tmp_path / scenario)
    # Then every promise holds
    assert result.broken == ()
    # And the poison job alone, if there is one, did not complete
    poison = 1 if scenario == "poison" else 0
    assert (result.accepted, result.completed) == (jobs + poison, jobs)
    assert (result.lost, result.double_terminals) == (0, 0)
