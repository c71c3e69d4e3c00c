"""What prompt lookup drafts, how sure it is of it, and when a step makes use of it."""

from collections.abc import Sequence as Ids
from threading import Event
from time import sleep
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sampling import Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.base import Generation
from worker.engines.progress import Progress
from worker.engines.slots.choice import Choice, accepted
from worker.engines.slots.lookup import PRIOR, Lookup
from worker.engines.slots.sequence import Sequence
from worker.engines.slots.speculation import Speculation, best_length, measured

#: A step takes twice as long with a draft of one id, and three times with one of two.
DEAR = [1.0, 2.0, 3.0]
#: A step takes as long with a draft as without.
FREE = [1.0, 1.0, 1.0, 1.0]
CONTEXT_SIZE = 64


def sequence(prompt: bytes, **knobs: Any) -> Sequence:
    """One that is about to decode, and may draft."""
    request = Generation(list(prompt), Sampling(**{"temperature": 0, "max_tokens": 20} | knobs))
    progress = Progress(request, ByteTokenizer(), CONTEXT_SIZE, Event())
    one = Sequence(request, progress, lambda _: None, lookup=Lookup(prompt))
    one.reuse(len(prompt) - 1)
    return one


def drafted(ids: bytes, tokens: int = 3) -> bytes:
    return bytes(Lookup(ids).propose(tokens))


# What is drafted


def test_the_ids_that_followed_the_last_three_before_are_drafted() -> None:
    assert drafted(b"the price of AAPL is up. What is the price of", 5) == b" AAPL"


def test_more_ids_in_common_count_more_than_the_latest_place() -> None:
    assert drafted(b"abcX..cY..abc", 1) == b"X"


def test_of_two_places_with_as_much_in_common_the_latest_counts() -> None:
    assert drafted(b"abcX..abcY..abc", 1) == b"Y"


def test_a_text_that_has_begun_to_repeat_itself_is_drafted_to_do_so_for_ever() -> None:
    assert drafted(b"so on and so on and so", 20) == b" on and so on and so"


def test_where_nothing_repeats_the_last_id_fills_the_draft_and_has_no_chance() -> None:
    lookup = Lookup(b"abcdef")
    assert bytes(lookup.propose(3)) == b"fff"
    assert lookup.chance() == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 5))
def test_a_draft_is_as_long_as_asked_and_made_of_ids_that_were_there(
    ids: list[int], tokens: int
) -> None:
    draft = Lookup(ids).propose(tokens)
    assert len(draft) == tokens
    assert set(draft) <= set(ids)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(1, 29))
def test_what_was_generated_counts_like_what_was_asked(ids: list[int], cut: int) -> None:
    grown = Lookup(ids[:cut])
    for token_id in ids[cut:]:
        grown.push(token_id)
    assert grown.propose(4) == Lookup(ids).propose(4)


def test_right_drafts_raise_the_chance_and_wrong_ones_lower_it() -> None:
    repeats, deviates = Lookup(b"abcabcabc"), Lookup(b"aXaYaZa")
    assert repeats.chance() == PRIOR
    for token_id in b"abcabcabcabcabcabcabc":
        repeats.push(token_id)
    for token_id in b"0a1a2a3a4a5a6a7a8a9a":
        deviates.push(token_id)
    assert repeats.chance() > 0.9
    assert 0 < deviates.chance() < 0.2


# How long a draft pays


@pytest.mark.parametrize(
    ("chances", "seconds", "length"),
    [
        ([0.5], FREE, 3),
        ([0.0, 0.0], FREE, 0),
        ([0.99], DEAR, 0),
        ([0.9], [1.0, 1.2, 1.4, 9.0], 2),
        ([0.9, 0.0, 0.0], [1.0, 1.15, 1.7], 1),
        ([0.1, 0.0, 0.0], [1.0, 1.2, 1.4], 0),
        ([0.02], [1.0, 1.0], 0),
    ],
)
def test_a_draft_is_as_long_as_makes_the_most_tokens_a_second(
    chances: list[float], seconds: list[float], length: int
) -> None:
    assert best_length(chances, seconds) == length


def test_costs_are_timed_for_one_row_and_for_all_and_lie_on_a_line_between() -> None:
    asked: set[tuple[int, int]] = set()
    seconds = measured(lambda rows, length: asked.add((rows, length)), slots=3, most=2)
    assert asked == {(rows, length) for rows in (1, 3) for length in (0, 1, 2)}
    assert [len(row) for row in seconds] == [3, 3, 3]
    assert seconds[1] == pytest.approx(
        [(few + many) / 2 for few, many in zip(seconds[0], seconds[2], strict=True)]
    )


def test_a_step_that_was_disturbed_makes_no_draft_look_cheap() -> None:
    # given a machine that is busy with something else whenever a step without a draft runs
    seconds = measured(lambda rows, length: sleep(0 if length else 0.005), slots=1, most=2)
    # then it counts as no longer than one with a draft
    assert seconds[0] == sorted(seconds[0])
    assert seconds[0][0] < 0.005


def test_a_single_slot_is_timed_too() -> None:
    assert [len(row) for row in measured(lambda rows, length: None, slots=1, most=2)] == [3]


def test_all_rows_of_a_step_draft_equally_much() -> None:
    repeating, new = sequence(b"so on and so on and so"), sequence(b"abcdef")
    Speculation([FREE, FREE], CONTEXT_SIZE).plan([repeating, new])
    assert [bytes(repeating.draft), bytes(new.draft)] == [b" on", b"fff"]


def test_a_newcomer_whose_prompt_is_not_read_drafts_nothing() -> None:
    ready, newcomer = sequence(b"ababab"), sequence(b"ababab")
    newcomer.reuse(0)
    Speculation([FREE, FREE], CONTEXT_SIZE).plan([ready, newcomer])
    assert (len(ready.draft), len(newcomer.draft)) == (3, 0)


def test_a_draft_ends_where_the_context_does() -> None:
    # given a sequence whose next id is the last but one that the context has room for
    one = sequence(b"ab" * (CONTEXT_SIZE // 2 - 1))
    Speculation([FREE], CONTEXT_SIZE).plan([one])
    assert len(one.draft) == 2


def test_without_measured_costs_nothing_is_drafted() -> None:
    one = sequence(b"ababab")
    Speculation().plan([one])
    assert one.draft == []


def test_text_that_never_repeats_switches_drafting_off_and_text_that_does_on_again() -> None:
    # given drafts that cost a fifth of a step each, and a sequence that seems to repeat itself
    speculation = Speculation([[1.0, 1.2, 1.4, 1.6]], CONTEXT_SIZE)
    one = sequence(b"aXaYaZa", max_tokens=50)

    def lengths(answer: bytes) -> list[int]:
        found = []
        for token_id in answer:
            speculation.plan([one])
            found.append(len(one.draft))
            one.append([Choice(token_id, -0.1)])
        return found

    # when what follows never is what it was before, and then always
    new, again = lengths(b"0a1a2a3a4a5a6a7a8a9a"), lengths(b"a" * 20)
    # then nothing is drafted any more, until it is right again, without having been tried
    assert new[0] > 0
    assert set(new[14:]) == {0}
    assert again[-1] == 3


# What of a draft counts


@pytest.mark.parametrize(
    ("chosen", "draft", "taken"),
    [
        (b"abcd", b"abc", b"abcd"),
        (b"abcd", b"xbc", b"a"),
        (b"abcd", b"axc", b"ab"),
        (b"a", b"", b"a"),
        (b"a", b"abc", b"a"),
    ],
)
def test_choices_count_up_to_the_first_that_was_not_drafted(
    chosen: bytes, draft: Ids[int], taken: bytes
) -> None:
    choices = (Choice(token_id, -0.1) for token_id in chosen)
    assert bytes(choice.token_id for choice in accepted(choices, draft)) == taken


def test_no_more_is_chosen_than_counts() -> None:
    choices = iter([Choice(1, -0.1), Choice(2, -0.1), Choice(3, -0.1)])
    accepted(choices, [9, 2])
    assert next(choices).token_id == 2
