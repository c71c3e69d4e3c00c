"""What may not stand in a log: secrets never, what users say only where it is asked for."""

import json
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

HIDDEN = "***"
#: Characters of one field, and of a traceback, of which the end says most.
LONGEST_FIELD, LONGEST_TRACEBACK = 2_000, 16_000

#: A setting's value of fewer characters is hidden by the names of fields only: it could be a word.
SHORTEST_SECRET = 8

#: Fields that are secret whatever they hold.
_SECRET_FIELDS = frozenset(
    {
        *("password", "new_password", "current_password", "passwd", "secret", "authorization"),
        *("token", "access_token", "refresh_token", "api_key", "apikey", "cookie", "set_cookie"),
        *("jwt", "jwt_secret", "webhook_key", "admin_password", "redis_password"),
    }
)
#: Fields that hold what a user or the model said.
SPEECH_FIELDS = frozenset(
    {
        *("prompt", "prompts", "system_prompt", "messages", "context", "content", "input"),
        *("text", "answer", "completion", "body", "work"),
    }
)

#: What a secret looks like wherever it turns up, and what may stay of it.
_PATTERNS = (
    (r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*", HIDDEN),  # JWT
    (r"(?P<key>cvn_[0-9a-f]{16})_[\w-]{10,}", rf"\g<key>_{HIDDEN}"),
    (r"whsec_[\w+/=-]{8,}", f"whsec_{HIDDEN}"),
    (r"\b[0-9a-f]{32}\.[\w-]{43}", HIDDEN),  # refresh token
    (r"(?P<scheme>(?i:bearer|basic)) +[\w.+/=~-]{6,}", rf"\g<scheme> {HIDDEN}"),
    (r"://[^/@\s\"\\]+@", f"://{HIDDEN}@"),
    (
        r"(?P<name>(?i:token|password|passwd|secret|api_key)=)[^&\s\"\\,;]+",
        rf"\g<name>{HIDDEN}",
    ),
    (
        r"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
        rf"\g<kind> {HIDDEN}",
    ),
    (r"input_value=.*?(?=, input_type=)", f"input_value={HIDDEN}"),  # pydantic's errors
)
#: What a line has in which one of the patterns may be found: looked for first, being quicker.
_MARKS = (
    *("eyJ", "cvn_", "whsec_", "earer", "EARER", "asic", "ASIC", "@", "=", "PRIVATE KEY"),
    *("input_value",),
)
_REFRESH = re.compile(r"\.[\w-]{43}")
_COMPILED = tuple((re.compile(pattern), left) for pattern, left in _PATTERNS)


class Redactor:
    """Cleans the fields and the text of log lines.

    ``secrets`` are the values of this process's own settings. Of what users say,
    ``prompt_characters`` are kept; 0 keeps their number only.
    """

    def __init__(self, secrets: Iterable[str] = (), prompt_characters: int = 0) -> None:
        own = {one for one in secrets if len(one) >= SHORTEST_SECRET}
        written = own | {json.dumps(one)[1:-1] for one in own}
        self._own = sorted(written, key=len, reverse=True)
        self._prompt_characters = prompt_characters

    def fields(self, event: MutableMapping[str, Any]) -> None:
        """Hide and shorten values by their names, in place."""
        for name, value in event.items():
            if name in _SECRET_FIELDS:
                event[name] = HIDDEN
            elif name in SPEECH_FIELDS:
                event[name] = self._speech(value)
            elif isinstance(value, str) and len(value) > LONGEST_FIELD:
                event[name] = _shortened(name, value)

    def text(self, line: str) -> str:
        """Hide what looks like a secret, or is one of ours."""
        if any(mark in line for mark in _MARKS) or _REFRESH.search(line):
            for pattern, left in _COMPILED:
                line = pattern.sub(left, line)
        for secret in self._own:
            if secret in line:
                line = line.replace(secret, HIDDEN)
        return line

    def _speech(self, value: Any) -> str:
        text = value if isinstance(value, str) else repr(value)
        if not self._prompt_characters:
            return f"({len(text)} characters)"
        if len(text) <= self._prompt_characters:
            return text
        return f"{text[: self._prompt_characters]}… ({len(text)} characters)"


def _shortened(name: str, value: str) -> str:
    if name == "exception":
        return f"…{value[-LONGEST_TRACEBACK:]}" if len(value) > LONGEST_TRACEBACK else value
    return f"{value[:LONGEST_FIELD]}… ({len(value)} characters)"
