"""Which row a new prompt can begin with."""

from threading import Event

from common.sampling import Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.base import Generation
from worker.engines.progress import Progress
from worker.engines.slots.prefix import Rows
from worker.engines.slots.sequence import Sequence

SYSTEM = list(range(10, 30))


def sequence(*ids: int, cached: int | None = None) -> Sequence:
    """A prompt of ``ids``; all but the last of them cached, or ``cached``."""
    request = Generation(ids, Sampling(max_tokens=4))
    made = Sequence(request, Progress(request, ByteTokenizer(), 512, Event()), lambda _: None)
    made.cached = len(ids) - 1 if cached is None else cached
    return made


def test_the_first_prompt_of_all_begins_with_nothing() -> None:
    rows, newcomer = Rows(), sequence(*SYSTEM, cached=0)
    assert rows.give(1, newcomer) == 1
    assert (newcomer.cached, rows.reused_tokens) == (0, 0)
    assert rows.holds(1, newcomer)


def test_a_prompt_begins_with_what_another_row_holds_of_it() -> None:
    # given two rows, one of which has the same system prompt
    rows = Rows()
    rows.give(0, sequence(1, 2, 3))
    holder = sequence(*SYSTEM, 1, 2, 3, cached=0)
    rows.give(1, holder)
    holder.cached = len(holder.ids) - 1
    # when a prompt with another end takes the first row
    newcomer = sequence(*SYSTEM, 7, 8)
    # then it begins with the second's
    assert rows.give(0, newcomer) == 1
    assert newcomer.cached == len(SYSTEM)
    assert rows.reused_tokens == len(SYSTEM)


def test_only_what_is_cached_by_now_can_be_begun_with() -> None:
    rows, holder = Rows(), sequence(*SYSTEM, 1, cached=0)
    rows.give(0, holder)
    holder.cached = 5
    newcomer = sequence(*SYSTEM, 2)
    assert rows.give(1, newcomer) == 0
    assert newcomer.cached == 5


def test_the_last_id_is_never_taken_from_a_row() -> None:
    # it has yet to go through the model, to say what comes next
    rows, holder = Rows(), sequence(*SYSTEM, 1, cached=0)
    rows.give(0, holder)
    holder.cached = len(SYSTEM)
    again = sequence(*SYSTEM)
    rows.give(1, again)
    assert again.cached == len(SYSTEM) - 1


def test_its_own_row_is_preferred_to_another_that_holds_as_much() -> None:
    rows = Rows()
    for row in (0, 1):
        holder = sequence(*SYSTEM, row, cached=0)
        rows.give(row, holder)
        holder.cached = len(SYSTEM)
    assert rows.give(1, sequence(*SYSTEM, 9)) == 1


def test_a_row_that_was_forgotten_lends_nothing() -> None:
    rows, holder = Rows(), sequence(*SYSTEM, 1, cached=0)
    rows.give(0, holder)
    holder.cached = len(SYSTEM)
    rows.forget(0)
    newcomer = sequence(*SYSTEM, 2)
    assert rows.give(1, newcomer) == 1
    assert newcomer.cached == 0
