"""How large a piece of a prompt may be beside others."""

import pytest

from worker.engines.transformers.cache import in_blocks
from worker.engines.transformers.pace import GRAIN, LONGEST_STEP, Cost, Pace, measure

pytestmark = pytest.mark.torch

ROWS = Cost(whole=0.008, token=0.0003, column=0.000003)
PIECE = Cost(whole=0.001, token=0.0003, column=0.0000005)
PACE = Pace(ROWS, PIECE)
MOST = 512


class Machine:
    """A clock that its own work moves on."""

    def __init__(self, rows: Cost = ROWS, piece: Cost = PIECE) -> None:
        self.now, self._rows, self._piece = 0.0, rows, piece

    def step(self, rows: int, width: int, tokens: int, end: int) -> None:
        self.now += self._rows.seconds(rows, width)
        self.now += self._piece.seconds(tokens, end) if tokens else 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("time.perf_counter", lambda: machine.now)
    return machine


@pytest.mark.parametrize("slots", [2, 3, 16])
def test_the_costs_are_found_from_a_few_steps(machine: Machine, slots: int) -> None:
    for found, true in zip(measure(slots, 1024, machine.step), PACE, strict=True):
        assert found == pytest.approx(true)


def test_one_slot_alone_still_has_a_step_that_takes_as_long(machine: Machine) -> None:
    pace = measure(1, 1024, machine.step)
    assert pace.rows.seconds(1, 256) == pytest.approx(ROWS.seconds(1, 256))


@pytest.mark.parametrize("context_size", [8, 60, 1000])
def test_small_contexts_can_be_measured(machine: Machine, context_size: int) -> None:
    pace = measure(3, context_size, machine.step)
    assert min(min(cost) for cost in pace) >= 0


@pytest.mark.parametrize("rows", [1, 3, 16])
@pytest.mark.parametrize("width", [64, 1024])
@pytest.mark.parametrize("start", [0, 900])
def test_a_piece_holds_the_others_up_for_two_ordinary_steps_at_most(
    rows: int, width: int, start: int
) -> None:
    # given rows that decode, when a piece is chosen beside them
    tokens = PACE.longest(PACE.spare(rows, width), start, MOST)
    # then the step is no longer than it may be, and with any more it would be
    ordinary = ROWS.seconds(rows, width)

    def steps(tokens: int) -> float:
        return 1 + PIECE.seconds(tokens, in_blocks(start + tokens)) / ordinary

    assert 0 < tokens < MOST
    assert steps(tokens) <= LONGEST_STEP < steps(tokens + GRAIN)


def test_a_piece_is_shorter_beside_fewer_rows_and_further_on() -> None:
    def piece(rows: int, start: int) -> int:
        return PACE.longest(PACE.spare(rows, 64), start, MOST)

    assert piece(1, 0) < piece(16, 0)
    assert piece(1, 900) < piece(1, 0)


def test_beside_nobody_a_piece_is_as_long_as_asked_for() -> None:
    assert PACE.longest(PACE.spare(0, 0), 0, MOST) == MOST


def test_a_piece_that_costs_much_for_being_there_is_long_enough_to_be_worth_it() -> None:
    # given pieces that are launched slowly, however short they are, as on a GPU
    pace = Pace(ROWS, Cost(whole=0.02, token=0.0001, column=0))
    # then one of them is as long as takes that time again
    assert pace.longest(pace.spare(1, 64), 0, MOST) == 200


@pytest.mark.parametrize("most", [1, 3, 16, 17])
def test_no_piece_is_longer_than_asked_for(most: int) -> None:
    assert PACE.longest(PACE.spare(16, 1024), 0, most) <= most
