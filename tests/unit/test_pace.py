"""How large a piece of a prompt may be beside others."""

import pytest

from worker.engines.transformers.pace import longest_piece

pytestmark = pytest.mark.torch


class Machine:
    """A clock that its own work moves on."""

    def __init__(self, seconds_a_token: float, step_seconds: float) -> None:
        self.now, self._a_token, self._step = 0.0, seconds_a_token, step_seconds

    def step(self, tokens: int) -> None:
        self.now += self._step + tokens * self._a_token


@pytest.mark.parametrize(
    ("seconds_a_token", "piece"),
    [(0.001, 32), (0.0008, 48), (0.0005, 64), (0.00011, 256), (0.00001, 400), (1.0, 16)],
)
def test_a_piece_makes_a_step_two_steps_longer_at_most(
    monkeypatch: pytest.MonkeyPatch, seconds_a_token: float, piece: int
) -> None:
    machine = Machine(seconds_a_token, step_seconds=0.02)
    monkeypatch.setattr("time.perf_counter", lambda: machine.now)
    assert longest_piece(400, machine.step) == piece


@pytest.mark.parametrize("most", [1, 16, 17])
def test_no_piece_is_longer_than_asked_for(most: int) -> None:
    assert longest_piece(most, lambda _: None) <= most
