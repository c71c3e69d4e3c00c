"""Marks around data, so that nothing in it passes for a word of ours."""

import hashlib
import hmac

#: Hexadecimal digits of a mark: too many to guess, and few tokens.
DIGITS = 8


class Fence:
    """Puts text between two marks that whoever wrote it could not foresee.

    A mark is a keyed digest of the text itself: the same request gives the same prompt, and
    one who learns a mark and writes it into the text gets another one.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"fence:" + secret.encode()).digest()

    def mark(self, text: str) -> str:
        """The mark for this text."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:DIGITS]

    def around(self, text: str) -> str:
        """The text between its marks, each on a line of its own."""
        mark = self.mark(text)
        return f"<data {mark}>\n{text}\n</data {mark}>"
