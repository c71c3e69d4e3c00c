"""Prompts in, token ids out, and back: the same for the gateway and every engine.

Needs neither torch nor transformers.
"""

from collections.abc import Sequence
from typing import Protocol, Self

from tokenizers import Tokenizer as Encoder
from tokenizers.pre_tokenizers import Metaspace

from common.artifact import Artifact
from common.chat_template import ChatTemplate
from common.control_tokens import ControlTokens, Disguise
from common.encoder import read_encoder
from common.prompt import Message, Prompt
from common.token_bytes import TokenBytes

#: Encoding more characters than this takes a millisecond and more: not for an event loop.
LONG_TEXT = 2000
_BYTES = 256


class Tokenizer(Protocol):
    """What turns prompts into token ids and ids into text. Threads may share one."""

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""

    @property
    def eos_token_ids(self) -> frozenset[int]:
        """The ids that end an answer."""

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a prompt; its text yields no control token. Raises PromptError."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids: control tokens left out, broken UTF-8 as U+FFFD."""

    def token_bytes(self, token_id: int) -> bytes:
        """What one token stands for; a control token's name."""


class ByteTokenizer:
    """The echo engine's: an id is a byte of UTF-8 (0..255), and 256 ends an answer."""

    vocab_size = 257
    eos_token_ids = frozenset({_BYTES})

    def encode(self, prompt: Prompt) -> list[int]:
        """The bytes of the prompt's plain text."""
        return list(prompt.plain_text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return bytes(i for i in ids if i < _BYTES).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The byte."""
        return bytes([token_id]) if token_id < _BYTES else b""


class ModelTokenizer:
    """The tokenizer that came with a model.

    Control tokens are looked for in the chat template's scaffold only. Each run of text
    between two of them, scaffold and user's text together, is encoded as plain text, so
    harmless text gives exactly the ids of transformers' ``apply_chat_template``.
    """

    def __init__(
        self, encoder: Encoder, eos_token_ids: frozenset[int], template: ChatTemplate | None = None
    ) -> None:
        self.eos_token_ids = eos_token_ids
        self.vocab_size: int = encoder.get_vocab_size()
        self._template = template
        self._encoder = _plain(encoder, eos_token_ids)
        self._continuation = _without_leading_space(self._encoder)
        self._bytes: TokenBytes | None = None
        self._control = ControlTokens(
            {
                token.content: token_id
                for token_id, token in encoder.get_added_tokens_decoder().items()
                if token.special and token.content != getattr(encoder.model, "unk_token", None)
            }
        )

    @classmethod
    def load(cls, artifact: Artifact) -> Self:
        """Read the tokenizer of ``artifact``."""
        encoder = read_encoder(artifact.tokenizer_path)
        template = None
        if artifact.chat_template is not None:
            template = ChatTemplate(artifact.chat_template, artifact.special_tokens)
        return cls(encoder, artifact.eos_token_ids, template)

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids of a prompt, up to where the assistant speaks. Raises PromptError."""
        if prompt.messages and self._template is not None:
            return self._encode_messages(self._template, prompt.messages)
        return _ids(self._encoder, prompt.plain_text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, control tokens left out."""
        return self._encoder.decode(ids, skip_special_tokens=True)

    def token_bytes(self, token_id: int) -> bytes:
        """What one token stands for."""
        if self._bytes is None:
            self._bytes = TokenBytes(self._encoder)
        return self._bytes(token_id)

    def _encode_messages(self, template: ChatTemplate, messages: Sequence[Message]) -> list[int]:
        disguise = Disguise(
            self._control.alphabet, [template.source, *(message.content for message in messages)]
        )
        layout = template.render([Message(m.role, disguise.hide(m.content)) for m in messages])
        ids: list[int] = []
        for piece in self._control.split(layout):
            if isinstance(piece, int):
                ids.append(piece)
            elif piece:
                ids += self._encode_run(disguise.reveal(piece), is_first=not ids)
        return ids

    def _encode_run(self, text: str, is_first: bool) -> list[int]:
        encoder = self._encoder if is_first else self._continuation
        return _ids(encoder, text, add_special_tokens=False)


def _ids(encoder: Encoder, text: str, *, add_special_tokens: bool = True) -> list[int]:
    """Of a long text as a batch of one: only that lets go of the interpreter's lock meanwhile."""
    if len(text) <= LONG_TEXT:
        return encoder.encode(text, add_special_tokens=add_special_tokens).ids
    (found,) = encoder.encode_batch([text], add_special_tokens=add_special_tokens)
    return found.ids


def _plain(encoder: Encoder, eos_token_ids: frozenset[int]) -> Encoder:
    """Make ``encoder`` take the names of control tokens for ordinary text."""
    names = [encoder.id_to_token(token_id) for token_id in sorted(eos_token_ids)]
    encoder.add_special_tokens([name for name in names if name is not None])
    encoder.no_truncation()
    encoder.no_padding()
    encoder.encode_special_tokens = True
    return encoder


def _without_leading_space(encoder: Encoder) -> Encoder:
    """A copy for text after a control token, where "first" no longer applies."""
    space = encoder.pre_tokenizer
    if not (isinstance(space, Metaspace) and space.prepend_scheme == "first"):
        return encoder
    copy = Encoder.from_str(encoder.to_str())
    copy.pre_tokenizer = Metaspace(space.replacement, prepend_scheme="never", split=space.split)
    copy.encode_special_tokens = True
    return copy
