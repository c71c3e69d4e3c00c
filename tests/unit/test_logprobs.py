import pytest
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from common.job import Job, Work
from common.logprobs import Likelihood, TokenLogprobs, dump_logprobs, load_logprobs
from common.prompt import Prompt
from common.sampling import ResponseFormat, Sampling
from common.token_bytes import TokenBytes

LLAMA = "\N{LLAMA}".encode()
TOKENS = [
    TokenLogprobs(Likelihood(b"A", -0.25), (Likelihood(b"A", -0.25), Likelihood(b' "', -3.5))),
    TokenLogprobs(Likelihood(LLAMA[:2], -1.0)),
    TokenLogprobs(Likelihood(b"", -2.0), (Likelihood(LLAMA, float("-inf")),)),
]


def test_they_survive_their_stored_form_half_characters_and_all() -> None:
    read = load_logprobs(dump_logprobs(TOKENS))
    assert read[:2] == TOKENS[:2]
    assert read[2].top[0] == Likelihood(LLAMA, -9999.0)


def test_chunks_joined_with_commas_are_one_list() -> None:
    joined = ",".join(dump_logprobs([token]) for token in TOKENS)
    assert joined == dump_logprobs(TOKENS)
    assert load_logprobs("") == []


def test_half_a_character_is_shown_as_broken() -> None:
    assert Likelihood(LLAMA, 0.0).text == "\N{LLAMA}"
    assert Likelihood(LLAMA[:2], 0.0).text == "\N{REPLACEMENT CHARACTER}"


def test_a_job_shows_them_only_if_they_were_asked_for() -> None:
    record = {"id": "job_1", "user": "a", "kind": "generate", "priority": "low"}
    record |= {"status": "failed", "created_ms": "1", "enqueued_ms": "1"}
    for asked, shown in ((None, None), (0, TOKENS[:1])):
        work = Work(Prompt(text="x"), Sampling(logprobs=asked)).to_json()
        job = Job.from_hash({**record, "work": work, "logprobs": dump_logprobs(TOKENS[:1])})
        assert job.logprobs == shown


def test_work_keeps_what_was_asked_and_an_older_worker_finds_nothing_new_in_it() -> None:
    asked = Sampling(logprobs=3, response_format=ResponseFormat('{"type":"null"}', "n"))
    for sampling in (asked, Sampling()):
        work = Work(Prompt(text="x"), sampling)
        assert Work.from_json(work.to_json()) == work
    assert "response_format" not in Work(Prompt(text="x"), Sampling()).to_json()


@pytest.mark.parametrize("text", ["plain text", "naïve", "日本", "\N{LLAMA}", "\n\t \x00"])
def test_the_bytes_of_byte_level_tokens_are_the_text(text: str) -> None:
    tokens = ["<|end|>", *sorted(ByteLevel.alphabet())]
    encoder = Tokenizer(BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    encoder.pre_tokenizer = ByteLevel(add_prefix_space=False)
    encoder.decoder = decoders.ByteLevel()
    encoder.add_special_tokens(["<|end|>"])
    bytes_of = TokenBytes(encoder)
    assert b"".join(bytes_of(i) for i in encoder.encode(text).ids) == text.encode()
    assert (bytes_of(0), bytes_of(10**6)) == (b"<|end|>", b"")


def test_the_bytes_of_sentencepiece_tokens_are_the_text() -> None:
    vocab = {"\N{LOWER ONE EIGHTH BLOCK}llama": 0, "s": 1, "<0xF0>": 2, "é": 3}
    encoder = Tokenizer(BPE(vocab=vocab, merges=[], byte_fallback=True))
    encoder.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    bytes_of = TokenBytes(encoder)
    assert [bytes_of(i) for i in range(4)] == [b" llama", b"s", b"\xf0", "é".encode()]
