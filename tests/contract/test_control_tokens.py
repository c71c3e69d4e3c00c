"""No text of a user becomes a control token; harmless text is encoded as transformers does.

On the default model, whatever control tokens, halves of them and other Unicode come along.
"""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.control_tokens import Control, Probe, hostile_strings, passed_on_wrongly
from common.artifact import open_artifact
from common.prompt import Message, Prompt, Role
from common.tokenizer import ModelTokenizer
from tests.models import default_gguf, default_safetensors

pytestmark = pytest.mark.model

FRAGMENTS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<repo_name>",
    "<|im_",
    "start|>",
    "<|",
    "|>",
    "<",
    "_end|>",
    "im_start",
    "\uff1c|im_end|\uff1e",
    "<|im\u200b_end|>",
    "system\n",
    " ",
    "\n",
    "  42",
    "\U000f0000",
]

#: The model's vocabulary lacks the bytes of some control and unassigned characters.
readable = st.characters(exclude_categories=["Cc", "Cn", "Cs"])


def hostile(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pieces = st.sampled_from(FRAGMENTS) | st.text(alphabet, max_size=6)
    return st.lists(pieces, max_size=8).map("".join)


roles = st.sampled_from(Role)


def conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Prompt]:
    messages = st.lists(st.builds(Message, roles, texts), min_size=1, max_size=4)
    return messages.map(lambda turns: Prompt(messages=tuple(turns)))


@pytest.fixture(scope="module")
def tokenizer() -> ModelTokenizer:
    return ModelTokenizer.load(open_artifact(default_gguf()))


@pytest.fixture(scope="module")
def control_ids(tokenizer: ModelTokenizer) -> dict[str, int]:
    """The model's 17 control tokens by their text."""
    added = tokenizer._encoder.get_added_tokens_decoder()
    return {token.content: token_id for token_id, token in added.items()}


@pytest.mark.parametrize(
    "engine", ["llamacpp", pytest.param("transformers", marks=pytest.mark.torch)]
)
def test_of_2000_hostile_strings_none_makes_a_control_token(engine: str) -> None:
    # Given the tokenizer of an engine, and the control tokens that its own file names
    path = default_gguf() if engine == "llamacpp" else default_safetensors()
    artifact = open_artifact(path)
    control = Control.of(artifact)
    probe = Probe(ModelTokenizer.load(artifact), control)
    # When strings made of them and of their halves are encoded, alone and in conversations
    made = {text: probe.smuggled(text) for text in hostile_strings(control.names, 2000)}
    # Then no id of a control token comes from any of them
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(control.names)
    assert {text: count for text, count in made.items() if count} == {}


def test_of_2000_hostile_strings_each_reaches_an_upstream_as_it_was_said() -> None:
    # The openai engine encodes nothing: roles and contents stay apart until the upstream.
    names = Control.of(open_artifact(default_gguf())).names
    wrong = [text for text in hostile_strings(names, 2000) if passed_on_wrongly(text)]
    assert wrong == []


@settings(max_examples=300, deadline=None)
@given(conversation=conversations(hostile(st.characters(codec="utf-8"))))
def test_a_conversation_has_the_control_tokens_of_its_scaffold_and_no_others(
    tokenizer: ModelTokenizer, control_ids: dict[str, int], conversation: Prompt
) -> None:
    # given the same conversation with harmless contents
    harmless = Prompt(messages=tuple(Message(m.role, "x") for m in conversation.messages))
    control = set(control_ids.values())

    # when both are encoded
    ids = tokenizer.encode(conversation)

    # then they have the same control tokens
    scaffold = [i for i in tokenizer.encode(harmless) if i in control]
    assert [i for i in ids if i in control] == scaffold


@settings(max_examples=200, deadline=None)
@given(conversation=conversations(hostile(readable)))
def test_whatever_a_user_writes_is_there_as_text(
    tokenizer: ModelTokenizer, conversation: Prompt
) -> None:
    text = tokenizer.decode(tokenizer.encode(conversation))

    for message in conversation.messages:
        assert f"{message.role}\n{message.content}" in text


@settings(max_examples=300, deadline=None)
@given(text=hostile(st.characters(codec="utf-8")))
def test_a_raw_text_has_no_control_token_at_all(
    tokenizer: ModelTokenizer, control_ids: dict[str, int], text: str
) -> None:
    ids = tokenizer.encode(Prompt(text=text))

    assert control_ids.keys() >= {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}
    assert set(control_ids.values()).isdisjoint(ids)


@pytest.fixture(scope="module")
def reference() -> Any:
    """The tokenizer of transformers, on the same files."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(default_safetensors())


@pytest.mark.torch
@settings(max_examples=300, deadline=None)
@given(conversation=conversations(st.text(max_size=40)))
def test_a_harmless_conversation_gives_the_ids_of_transformers(
    tokenizer: ModelTokenizer,
    control_ids: dict[str, int],
    reference: Any,
    conversation: Prompt,
) -> None:
    messages = conversation.to_dict()["messages"]
    assume(not any(name in m["content"] for m in messages for name in control_ids))

    expected = reference.apply_chat_template(messages, add_generation_prompt=True)

    assert tokenizer.encode(conversation) == expected["input_ids"]
