"""A submit does not cost the store more for every job that waits."""

from benchmarks.depth import compare, line

DEPTH = 10_000
#: What looked at every waiting job would be far above this, and the noise of a machine is below:
#: whether it is under 1.3 is measured by ``python -m benchmarks.depth``, alone on the machine.
MOST = 3.0
#: A comparison may be disturbed; one that grows with the depth is over the limit every time.
TRIES = 3


def test_a_submit_does_not_cost_more_for_every_job_that_waits() -> None:
    # Given a server where nothing waits, and one where much does
    with line(users=100) as empty, line(users=100) as deep:
        deep.fill(DEPTH)
        # When both are asked in turns
        found = (compare(empty, deep, lambda one: one.look, 9, 50).ratio for _ in range(TRIES))
        # Then neither submit nor the look at one's place grows with what waits
        assert any(ratio.median <= MOST for ratio in found)
