"""Counts prompt tokens where nobody here knows the model's vocabulary: roughly."""

import math
from collections.abc import Sequence

from common.prompt import Prompt

#: English text has about four bytes of UTF-8 in a token.
BYTES_PER_TOKEN = 4
#: A chat template adds about so many tokens to every message.
TOKENS_PER_MESSAGE = 4


class EstimatingTokenizer:
    """Stands in for the tokenizer of an upstream; its ids mean nothing, their number does.

    The upstream's own count replaces the estimate when a job ends.
    """

    vocab_size = 2**18
    eos_token_ids = frozenset({0})

    def encode(self, prompt: Prompt) -> list[int]:
        """As many ids as the prompt may have."""
        tokens = math.ceil(len(prompt.plain_text.encode()) / BYTES_PER_TOKEN)
        return [1] * max(1, tokens + TOKENS_PER_MESSAGE * len(prompt.messages))

    def decode(self, ids: Sequence[int]) -> str:
        """Nothing: the text is the upstream's."""
        del ids
        return ""

    def token_bytes(self, token_id: int) -> bytes:
        """Nothing."""
        del token_id
        return b""
