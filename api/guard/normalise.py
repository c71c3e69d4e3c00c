"""One spelling for many: what hides a sentence from a reader's eye is undone first."""

import codecs
import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator

#: What may stand in a text unseen, by the id of its rule.
HIDDEN = {
    "tag-characters": re.compile("[\U000e0000-\U000e007f]"),
    "bidi-override": re.compile("[\u202a-\u202e\u2066-\u2069]"),
    # Between Latin letters only: emoji and other scripts are joined by them.
    "zero-width": re.compile("[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff]+[A-Za-z]"),
}

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_SPELLED = re.compile(r"(?<!\w)\w(?:[ .\-_*]{1,3}\w){4,}(?!\w)")
# Inside a word only, so that "3M", "Q4", "H100" and mail addresses stay what they are.
_MIXED = re.compile(r"\b\w*[a-z](?:[0134578$]|@(?!\w+\.))+[a-z]\w*")
_BENT = re.compile(r"[0134578$@]")  # found sooner than the words that have it
_LEET = str.maketrans("0134578@$", "oieastbas")
_DIGIT = re.compile(r"\d")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{20,2000}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){12,1000}")
_ROT13 = re.compile(r"\brot[ -]?13\b", re.IGNORECASE)

# Letters of other alphabets that are drawn like ours.
_HOMOGLYPHS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u0261"
    "\u03b1\u03b5\u03bf\u03c1\u03b9\u03bd\u03c5\u03ba",
    "aeopcyxijshdqgaeopivuk",
)


def normalise(text: str) -> str:
    """Lower case in one spelling: compatibility forms, look-alikes, spelled-out words, leet.

    Digits become ``0``: no number is an attack.
    """
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
        text = text.lower().translate(_HOMOGLYPHS)
    text = _SPELLED.sub(_joined, text.lower())
    if _BENT.search(text):
        text = _MIXED.sub(_unleet, text)
    return _DIGIT.sub("0", text)


def hidden(text: str) -> list[str]:
    """The rules that characters unseen in this text break."""
    if text.isascii():
        return []
    return [rule for rule, pattern in HIDDEN.items() if pattern.search(text)]


def decoded(text: str) -> Iterator[str]:
    """What stands in the text in another code: a few runs of base64 or hex, or ROT13."""
    for run in _BASE64.findall(text)[:4]:
        yield from _readable(_from_base64, run)
    for run in _HEX.findall(text)[:4]:
        yield from _readable(_from_hex, run)
    if "13" in text and _ROT13.search(text):
        yield codecs.decode(text, "rot13")


def _readable(decode: Callable[[str], bytes], run: str) -> Iterator[str]:
    """The run as text, if that is what it is: words with spaces between them."""
    try:
        text = decode(run).decode()
    except ValueError:
        return
    if text.isprintable() and " " in text:
        yield text


def _from_base64(run: str) -> bytes:
    return b64decode(run + "=" * (-len(run) % 4))


def _from_hex(run: str) -> bytes:
    return bytes.fromhex(run.replace(":", " "))


def _joined(found: re.Match[str]) -> str:
    return re.sub(r"[ .\-_*]", "", found[0])


def _unleet(found: re.Match[str]) -> str:
    return found[0].translate(_LEET)
