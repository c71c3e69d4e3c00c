"""Ids in, visible text out: whatever the tokens, text is held back and cut at the same place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sampling import FinishReason, Sampling
from common.tokenizer import ByteTokenizer
from worker.engines.transcript import Detokenizer, Transcript, replay

EOS = 256
ENDLESS = 10_000
BYTES = ByteTokenizer()


@dataclass
class Pieces:
    """A decoder whose tokens are any byte strings: how a BPE may cut a text."""

    pieces: Sequence[bytes]
    eos_token_ids: frozenset[int] = field(default=frozenset({EOS}))

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(self.pieces[i] for i in ids if i != EOS).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        return b"" if token_id == EOS else self.pieces[token_id]


@dataclass
class Words:
    """A decoder that drops a leading space and knows an invisible token, as SentencePiece's do."""

    words: Sequence[str]
    eos_token_ids: frozenset[int] = field(default=frozenset({EOS}))

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.words[i] for i in ids if i != EOS).removeprefix(" ")

    def token_bytes(self, token_id: int) -> bytes:
        return self.words[token_id].encode()


def transcribe(
    decoder: Pieces | Words | ByteTokenizer, ids: Sequence[int], **knobs: object
) -> Transcript:
    """Push ``ids`` until the transcript ends."""
    sampling = Sampling(**{"max_tokens": ENDLESS, **knobs})  # type: ignore[arg-type]
    return replay(decoder, sampling, ids)


def letters(text: str) -> list[int]:
    return list(text.encode())


texts = st.text(st.sampled_from("ab\n é€😀\N{REPLACEMENT CHARACTER}"), max_size=30)
stops = st.lists(st.text(st.sampled_from("ab\n é😀"), min_size=1, max_size=4), max_size=3).map(
    tuple
)


@st.composite
def tokenizations(draw: st.DrawFn, text: st.SearchStrategy[str] = texts) -> tuple[str, Pieces]:
    """A text, and a decoder whose ids 0, 1, 2 … are its bytes cut anywhere."""
    whole = draw(text)
    raw = whole.encode()
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(raw) - 1)), max_size=len(raw))))
    edges = [0, *cuts, len(raw)]
    return whole, Pieces([raw[a:b] for a, b in pairwise(edges)])


def reference(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """What a reader of one character at a time sees: cut as soon as any stop string is whole."""
    for end in range(len(text) + 1):
        found = [end - len(s) for s in stop if text[:end].endswith(s)]
        if found:
            return text[: min(found)], True
    return text, False


# Detokenization


@given(tokenizations())
def test_text_comes_out_whole_however_its_bytes_are_cut(case: tuple[str, Pieces]) -> None:
    text, decoder = case
    detokenizer = Detokenizer(decoder)
    shown = [detokenizer.push(i) for i in range(len(decoder.pieces))]
    assert "".join(shown) + detokenizer.flush() == text


@given(st.binary(max_size=40))
def test_broken_utf8_shows_as_the_decoder_shows_it_as_a_whole(raw: bytes) -> None:
    detokenizer = Detokenizer(BYTES)
    shown = [detokenizer.push(byte) for byte in raw]
    assert "".join(shown) + detokenizer.flush() == raw.decode("utf-8", "replace")


@given(st.lists(st.integers(0, 4), max_size=12))
def test_spaces_between_words_survive_a_decoder_that_drops_the_first(ids: list[int]) -> None:
    decoder = Words([" a", "b", " ", "", "\n"])
    detokenizer = Detokenizer(decoder)
    shown = [detokenizer.push(i) for i in ids]
    assert "".join(shown) + detokenizer.flush() == decoder.decode(ids)


@pytest.mark.parametrize("character", ["é", "€", "😀"])
def test_no_part_of_a_character_is_shown_before_its_last_byte(character: str) -> None:
    detokenizer = Detokenizer(BYTES)
    *first, last = character.encode()
    assert [detokenizer.push(byte) for byte in first] == [""] * len(first)
    assert detokenizer.push(last) == character


def test_a_step_decodes_a_few_ids_however_long_the_text() -> None:
    class Counting(ByteTokenizer):
        longest = 0

        def decode(self, ids: Sequence[int]) -> str:
            self.longest = max(self.longest, len(ids))
            return super().decode(ids)

    decoder = Counting()
    detokenizer = Detokenizer(decoder)
    for byte in letters("ab😀" * 200):
        detokenizer.push(byte)
    assert decoder.longest <= 8


# Stop strings


@given(tokenizations(), stops)
def test_text_ends_before_the_first_stop_string_however_it_is_cut(
    case: tuple[str, Pieces], stop: tuple[str, ...]
) -> None:
    # given a text, cut into tokens anywhere
    text, decoder = case
    # when it is followed by the end of the answer
    transcript = transcribe(decoder, [*range(len(decoder.pieces)), EOS], stop=stop)
    # then it is cut where a reader of single characters would cut it
    expected, stopped = reference(text, stop)
    assert transcript.text == expected
    assert transcript.finish_reason is FinishReason.STOP
    # (a real U+FFFD looks like half a character and waits for the next token)
    if "\N{REPLACEMENT CHARACTER}" not in text:
        assert stopped == (transcript.ids[-1] != EOS)


@given(tokenizations(), stops)
def test_nothing_shown_is_ever_part_of_a_stop_string_that_comes(
    case: tuple[str, Pieces], stop: tuple[str, ...]
) -> None:
    text, decoder = case
    transcript = Transcript(decoder, Sampling(max_tokens=ENDLESS, stop=stop))
    final, _ = reference(text, stop)
    for token_id in range(len(decoder.pieces)):
        if transcript.finish_reason is not None:
            break
        transcript.push(token_id)
        assert final.startswith(transcript.text)


def test_a_stop_string_over_three_tokens_is_found_and_never_shown() -> None:
    decoder = Pieces([b"Hello.", b"\nUs", b"er", b": what?"])
    transcript = Transcript(decoder, Sampling(stop=("\nUser:",)))
    assert [transcript.push(i).text for i in range(4)] == ["Hello.", "", "", ""]
    assert transcript.finish_reason is FinishReason.STOP
    assert transcript.text == "Hello."


def test_text_that_only_began_like_a_stop_string_is_shown_after_all() -> None:
    transcript = Transcript(Pieces([b"a\nUs", b"ed cars"]), Sampling(stop=("\nUser:",)))
    assert transcript.push(0).text == "a"
    assert transcript.push(1).text == "\nUsed cars"


def test_what_was_held_back_is_shown_when_the_answer_ends() -> None:
    transcript = transcribe(Pieces([b"a\nUs"]), [0, EOS], stop=("\nUser:",))
    assert transcript.text == "a\nUs"


def test_what_was_held_back_is_shown_when_max_tokens_is_reached() -> None:
    transcript = transcribe(Pieces([b"a\nUs", b"er"]), [0, 1], stop=("\nUser:",), max_tokens=2)
    assert transcript.text == "a\nUser"
    assert transcript.finish_reason is FinishReason.LENGTH


def test_an_empty_stop_string_stops_nothing() -> None:
    assert transcribe(BYTES, letters("abc"), stop=("",)).finish_reason is None


def test_a_stop_string_in_the_last_token_that_fits_is_a_stop_not_a_length() -> None:
    transcript = transcribe(BYTES, letters("ab"), stop=("b",), max_tokens=2)
    assert (transcript.text, transcript.finish_reason) == ("a", FinishReason.STOP)


# The end


def test_the_end_token_is_counted_and_not_shown() -> None:
    transcript = transcribe(BYTES, [*letters("hi"), EOS])
    assert transcript.text == "hi"
    assert transcript.ids == [*letters("hi"), EOS]
    assert transcript.finish_reason is FinishReason.STOP


def test_half_a_character_at_the_end_is_shown_as_replaced() -> None:
    transcript = transcribe(BYTES, letters("a€")[:3], max_tokens=3)
    assert transcript.text == "a\N{REPLACEMENT CHARACTER}"
    assert transcript.finish_reason is FinishReason.LENGTH


def test_the_end_token_in_the_last_place_is_a_stop() -> None:
    assert transcribe(BYTES, [97, EOS], max_tokens=2).finish_reason is FinishReason.STOP


def test_nothing_after_the_end_is_taken() -> None:
    assert transcribe(BYTES, [97, EOS, 98]).ids == [97, EOS]
    assert transcribe(BYTES, letters("abcd"), stop=("b",)).ids == letters("ab")


# Replay

id_lists = st.lists(st.sampled_from([*letters("ab€"), EOS]), max_size=20)


@given(id_lists, stops, st.integers(1, 20), st.data())
def test_a_replay_stands_where_the_original_stood_and_goes_on_alike(
    ids: list[int], stop: tuple[str, ...], max_tokens: int, data: st.DataObject
) -> None:
    # given a transcript, and a replay of its first k ids
    original = transcribe(BYTES, ids, stop=stop, max_tokens=max_tokens)
    k = data.draw(st.integers(0, len(original.ids)))
    resumed = transcribe(BYTES, original.ids[:k], stop=stop, max_tokens=max_tokens)
    before = resumed.text
    # when the rest is pushed
    rest = [resumed.push(token_id).text for token_id in original.ids[k:]]
    # then nothing is missing and nothing comes twice
    assert before + "".join(rest) == resumed.text == original.text
    assert resumed.finish_reason is original.finish_reason


@given(id_lists, stops)
def test_the_text_of_the_tokens_is_the_text(ids: list[int], stop: tuple[str, ...]) -> None:
    transcript = Transcript(BYTES, Sampling(max_tokens=ENDLESS, stop=stop))
    shown = ""
    for token_id in ids:
        if transcript.finish_reason is not None:
            break
        token = transcript.push(token_id, logprob=-0.5)
        assert (token.id, token.logprob) == (token_id, -0.5)
        shown += token.text
    assert shown == transcript.text
