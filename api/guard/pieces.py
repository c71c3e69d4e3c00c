"""What of a text is looked at: all of it in windows, and what stands around suspicious words."""

import re
from collections.abc import Iterator

from api.guard.normalise import decoded, normalise

#: Longer texts are looked at in windows: an attack must not drown in what surrounds it.
WINDOW_CHARACTERS = 600
OVERLAP_CHARACTERS = 120
#: What is looked at before and after a suspicious word of a window.
BEFORE, AFTER = 60, 160

_CLUE = re.compile(
    r"\b(?:ignor|disregard|forget|overrid|bypass|instruct|prompt|jailbreak|unrestricted|unfiltered"
    r"|pretend|reveal|developer mode|you are now|act as|new task|assistant|pwned|hack"
    r"|ignoriere|vergiss|oublie|olvida|ignora|dimentica|esque|\u0438\u0433\u043d\u043e\u0440"
    r"|\u0437\u0430\u0431\u0443\u0434)"
)


def pieces(text: str) -> list[str]:
    """The normalised pieces of a text and of what is encoded in it."""
    windows = [normalise(w) for one in (text, *decoded(text)) for w in _windows(one)]
    return [*windows, *(piece for window in windows for piece in _close_looks(window))]


def _windows(text: str) -> Iterator[str]:
    """The text in pieces that overlap."""
    step = WINDOW_CHARACTERS - OVERLAP_CHARACTERS
    for start in range(0, max(1, len(text) - OVERLAP_CHARACTERS), step):
        yield text[start : start + WINDOW_CHARACTERS]


def _close_looks(window: str) -> Iterator[str]:
    """What stands around the clues of a window, unless that is nearly all of it."""
    if len(window) < BEFORE + AFTER + OVERLAP_CHARACTERS:
        return
    seen_to = 0
    for clue in _CLUE.finditer(window):
        if clue.end() > seen_to:
            seen_to = clue.end() + AFTER
            yield window[max(0, clue.start() - BEFORE) : seen_to]
