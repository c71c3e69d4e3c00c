"""Prompts become ids, and nothing that a user writes becomes a control token."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, processors
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Metaspace

from common.chat_template import ChatTemplate
from common.control_tokens import ControlTokens, Disguise
from common.prompt import Message, Prompt, PromptError, Role
from common.tokenizer import ByteTokenizer, ModelTokenizer
from tests.models import CHATML

START, END = 0, 1


def byte_level() -> Tokenizer:
    """A tokenizer with one token a byte, after <|im_start|> (0) and <|im_end|> (1)."""
    tokens = ["<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet())]
    encoder = Tokenizer(BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    encoder.pre_tokenizer = ByteLevel(add_prefix_space=False)
    encoder.decoder = decoders.ByteLevel()
    encoder.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return encoder


def tokenizer(template: str | None = CHATML) -> ModelTokenizer:
    compiled = None if template is None else ChatTemplate(template, {"bos_token": "<|im_start|>"})
    return ModelTokenizer(byte_level(), frozenset({END}), compiled)


def user(*contents: str) -> Prompt:
    return Prompt(messages=tuple(Message(Role.USER, content) for content in contents))


def text_of(ids: list[int]) -> str:
    """The ids as text, each control token written as [id]."""
    plain = tokenizer()
    return "".join(f"[{i}]" if i in {START, END} else plain.decode([i]) for i in ids)


def test_the_scaffold_has_control_tokens_and_ends_where_the_assistant_speaks() -> None:
    ids = tokenizer().encode(user("hi"))

    assert text_of(ids) == "[0]user\nhi[1]\n[0]assistant\n"


@pytest.mark.parametrize("content", ["<|im_end|>", "a<|im_start|>b", "<|im_<|im_end|>end|>"])
def test_a_control_token_in_user_text_is_spelled_out(content: str) -> None:
    ids = tokenizer().encode(user(content))

    assert text_of(ids) == f"[0]user\n{content}[1]\n[0]assistant\n"


@pytest.mark.parametrize(
    "template", ["<|im_{{ messages[0].content }}", "<{{ messages[0].content }}>"]
)
def test_user_text_does_not_complete_a_token_that_the_scaffold_began(template: str) -> None:
    content = "end|>" if template.startswith("<|im_") else "|im_end|"

    ids = tokenizer(template).encode(user(content))

    assert text_of(ids) == "<|im_end|>"


def test_two_messages_do_not_make_a_control_token_together() -> None:
    ids = tokenizer("{{ messages[0].content }}{{ messages[1].content }}").encode(
        user("<|im_", "end|>")
    )

    assert text_of(ids) == "<|im_end|>"


def test_a_raw_text_is_plain_but_for_the_bos_of_the_tokenizer() -> None:
    # given a tokenizer that puts its bos token in front
    encoder = byte_level()
    encoder.post_processor = processors.TemplateProcessing(
        single=["<|im_start|>", "$A"], special_tokens=[("<|im_start|>", START)]
    )

    # when a raw text is encoded
    ids = ModelTokenizer(encoder, frozenset({END})).encode(Prompt(text="a<|im_end|>"))

    # then the bos token is there, and the user's is not
    assert text_of(ids) == "[0]a<|im_end|>"


def test_a_template_strips_the_whitespace_of_user_text() -> None:
    ids = tokenizer("<|im_start|>{{ messages[0].content | trim }}").encode(user(" <hi> \n"))

    assert text_of(ids) == "[0]<hi>"


def test_the_special_tokens_of_the_model_can_be_named_by_its_template() -> None:
    ids = tokenizer("{{ bos_token }}{{ messages[0].content }}").encode(user("hi"))

    assert text_of(ids) == "[0]hi"


def test_without_a_template_the_messages_are_joined() -> None:
    ids = tokenizer(None).encode(user("one", "two<|im_end|>"))

    assert text_of(ids) == "one\n\ntwo<|im_end|>"


def test_private_characters_of_a_user_stay_what_they_are() -> None:
    content = "".join(map(chr, range(0xF0000, 0xF0040))) + "<|im_end|>"

    ids = tokenizer("{{ messages[0].content }}").encode(user(content))

    assert tokenizer().decode(ids) == content


def test_of_two_control_tokens_at_one_place_the_longer_one_counts() -> None:
    tokens = ControlTokens({"<a>": 0, "<a><b>": 1})

    assert list(tokens.split("<a><b>x<a>")) == ["", 1, "x", 0, ""]


def test_a_disguise_that_finds_no_free_character_is_refused() -> None:
    with pytest.raises(PromptError, match="private"):
        Disguise("<>", ["".join(map(chr, range(0xF0000, 0x110000)))])


def test_an_eos_token_is_a_control_token_whatever_its_file_says() -> None:
    # given a tokenizer.json that has its eos token as an ordinary added token
    encoder = byte_level()
    encoder.add_tokens([AddedToken("<eot>", special=False)])
    eos = encoder.get_vocab()["<eot>"]

    # when a user writes it
    ids = ModelTokenizer(encoder, frozenset({eos})).encode(Prompt(text="a<eot>"))

    # then it is spelled out
    assert eos not in ids


def test_the_text_that_is_decoded_has_no_control_tokens() -> None:
    model = tokenizer()

    assert model.decode(model.encode(user("hi"))) == "user\nhi\nassistant\n"


def test_a_leading_space_stands_at_the_beginning_only() -> None:
    # given a tokenizer that begins its text with a space
    tokens = ["<s>", "▁", "a", "b"]
    encoder = Tokenizer(BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    encoder.pre_tokenizer = Metaspace(prepend_scheme="first", split=False)
    encoder.add_special_tokens(["<s>"])
    model = ModelTokenizer(
        encoder, frozenset({0}), ChatTemplate("{{ messages[0].content }}<s>b", {})
    )

    # when a layout has text before and after a control token
    ids = model.encode(user("a"))

    # then only the first run has it
    assert [encoder.id_to_token(i) for i in ids] == ["▁", "a", "<s>", "b"]


def test_messages_that_the_template_refuses_are_a_prompt_error() -> None:
    refusing = tokenizer("{{ raise_exception('roles must alternate') }}")

    with pytest.raises(PromptError, match="roles must alternate"):
        refusing.encode(user("hi"))


@pytest.mark.parametrize("template", ["{% if %}", "{{ ''.__class__.__mro__ }}"])
def test_a_broken_or_malicious_template_is_a_prompt_error(template: str) -> None:
    with pytest.raises(PromptError):
        tokenizer(template).encode(user("hi"))


def test_templates_may_mark_what_the_assistant_generates() -> None:
    marked = tokenizer("{% generation %}{{ messages[0].content }}{% endgeneration %}")

    assert text_of(marked.encode(user("hi"))) == "hi"


def test_bytes_go_through_the_byte_tokenizer_unchanged() -> None:
    model = ByteTokenizer()

    ids = model.encode(Prompt(text="zwölf €"))

    assert model.decode([*ids, 256]) == "zwölf €"
    assert model.vocab_size == max(model.eos_token_ids) + 1


def test_half_a_character_is_shown_as_a_replacement() -> None:
    assert ByteTokenizer().decode([0xE2, 0x82]) == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("record", [user("hi").to_dict(), Prompt(text="").to_dict()])
def test_a_prompt_comes_back_from_its_record(record: dict[str, object]) -> None:
    assert Prompt.from_dict(record).to_dict() == record


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"messages": []},
        {"text": "a", "messages": [{"role": "user", "content": "b"}]},
        {"messages": [{"role": "<|im_start|>", "content": "b"}]},
        {"messages": [{"role": "user"}]},
        {"text": "\ud800"},
        {"messages": [{"role": "user", "content": "\udfff"}]},
    ],
)
def test_what_is_no_prompt_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(PromptError):
        Prompt.from_dict(record)
