"""The bytes that a token stands for, whichever way its vocabulary spells them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer as Encoder

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


class TokenBytes:
    """Reads the vocabulary of ``encoder``: byte-level BPE, or SentencePiece with byte fallback."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._control = {
            token_id: token.content.encode()
            for token_id, token in encoder.get_added_tokens_decoder().items()
        }
        byte_level = "ByteLevel" in _types(json.loads(encoder.to_str()).get("decoder"))
        self._alphabet = _byte_alphabet() if byte_level else {}

    def __call__(self, token_id: int) -> bytes:
        """The bytes of a token, the name of a control token, nothing for an id without one."""
        if token_id in self._control:
            return self._control[token_id]
        piece = self._encoder.id_to_token(token_id) or ""
        if self._alphabet:
            return b"".join(self._alphabet.get(ord(c), c.encode()) for c in piece)
        byte = _BYTE.fullmatch(piece)
        return bytes([int(byte[1], 16)]) if byte else piece.replace(_SPACE, " ").encode()


def _types(decoder: Mapping[str, Any] | None) -> set[str]:
    """The kinds of a decoder and of those in it."""
    if not decoder:
        return set()
    inner = [_types(part) for part in decoder.get("decoders", ())]
    return {str(decoder["type"])}.union(*inner)


def _byte_alphabet() -> dict[int, bytes]:
    """GPT-2's spelling: printable bytes as themselves, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    spelled = {byte: bytes([byte]) for byte in printable}
    return spelled | {256 + n: bytes([byte]) for n, byte in enumerate(hidden)}
