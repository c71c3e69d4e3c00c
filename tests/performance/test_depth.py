"""A submit costs the store as much with many waiting jobs as with none."""

from benchmarks.depth import compare, line

DEPTH = 10_000
#: A comparison may be disturbed; one that grows with the depth is over the limit every time.
TRIES = 3


def test_a_submit_costs_the_same_however_many_jobs_wait() -> None:
    # Given a server where nothing waits, and one where much does
    with line(users=100) as empty, line(users=100) as deep:
        deep.fill(DEPTH)
        # When both are asked in turns
        flat = any(compare(empty, deep, lambda one: one.look, 9, 50).flat for _ in range(TRIES))
    # Then neither submit nor the look at one's place grows
    assert flat
