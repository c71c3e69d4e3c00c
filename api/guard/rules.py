"""What needs no learning: the marks of a chat template, and sentences that have one meaning."""

import re

_DROP = (
    r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|discard"
    r"|abandon|neglect|drop|skip|set aside|stop following|do not follow|don't follow|no longer follow)\b"
)
_ORDERS = (
    r"\b(?:instructions?|rules?|prompts?|guidelines?|directions?|directives?|restrictions?"
    r"|commands?|orders|constraints|polic(?:y|ies)|programming|training|safeguards?|guardrails?)\b"
)
_TOLD = (
    r"\b(?:all|any|every|your|these|previous|prior|above|earlier|preceding|former|original"
    r"|initial|system|safety|content)\b"
)
_SHOW = (
    r"\b(?:reveal|print|repeat|show|output|display|leak|expose|disclose|recite|quote|dump|tell me"
    r"|give me|share|what (?:is|are|was|were))\b"
)
_UNTOLD = (
    r"(?:system prompt|system message|system instructions|initial prompt|hidden prompt"
    r"|(?:initial|original|hidden|secret|internal|confidential) (?:instructions|rules|guidelines)"
    r"|(?:instructions|prompt|words|text) (?:above|before this)|developer message)"
)

#: Rule id -> pattern, on the normalised text.
RULES = {
    "control-token": re.compile(
        r"<\|[a-z_]{2,24}\|>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>|<\|begin_of_text"
    ),
    "role-line": re.compile(r"(?:^|\n)\W{0,4}(?:system|assistant)\s{0,4}:\s*\S"),
    "override": re.compile(rf"{_DROP}.{{0,24}}{_TOLD}.{{0,24}}{_ORDERS}"),
    "oblivion": re.compile(
        rf"{_DROP} (?:about )?(?:all|everything|anything|what)\b.{{0,24}}"
        r"\b(?:above|before|previously|told|said|learned|know|until now|so far)\b"
    ),
    "extraction": re.compile(rf"{_SHOW}.{{0,24}}\b(?:your|the) .{{0,24}}{_UNTOLD}"),
    "persona": re.compile(
        r"\b(?:you are|act as|become|you're|pretend to be|simulate)\b.{0,12}\b(?:dan\b|stan\b"
        r"|an? (?:\w+ )?(?:unrestricted|uncensored|unfiltered|jailbroken|evil|amoral|rogue)\b)"
        r"|\bdo anything now\b|\b(?:developer|god|jailbreak|debug|dan) mode (?:enabled|on|activated)\b"
    ),
    "unbound": re.compile(
        r"\b(?:without|no|free (?:of|from)|drop|remove|lift|disable)\b.{0,16}"
        r"\b(?:restrictions|limitations|filters?|censorship|guidelines|guardrails|safeguards"
        r"|ethical|moral)\b.{0,60}\b(?:answer|respond|reply|comply|tell me|refuse|assistant|ai)\b"
    ),
}

#: Rules about what is said: by themselves they prove nothing.
WORDINGS = frozenset(RULES) - {"control-token", "role-line"}


def broken_rules(text: str) -> list[str]:
    """The rules that a normalised text breaks."""
    return [rule for rule, pattern in RULES.items() if pattern.search(text)]
