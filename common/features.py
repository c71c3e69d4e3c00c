"""What an engine can do beyond text; workers say it, and the gateway refuses what none can."""

from enum import StrEnum


class Feature(StrEnum):
    """The closed list; each is a field of a request."""

    LOGPROBS = "logprobs"
    RESPONSE_FORMAT = "response_format"
