"""The verdict on one text: allow, flag or block, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from api.guard.classifier import Classifier
from api.guard.normalise import hidden
from api.guard.pieces import pieces
from api.guard.rules import WORDINGS, broken_rules

#: What a wording adds to the log-odds; chosen on the validation split.
RULE_BONUS = 3.0


class Level(StrEnum):
    """What the guard thinks of a text."""

    ALLOW = "allow"
    FLAG = "flag"
    BLOCK = "block"


class Reason(StrEnum):
    """The class of what was found, as a client may know it."""

    HIDDEN_CHARACTERS = "hidden_characters"
    CONTROL_TOKENS = "control_tokens"
    PROMPT_INJECTION = "prompt_injection"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A level with its grounds; ``rules`` are for logs and metrics, not for clients."""

    level: Level
    score: float
    rules: tuple[str, ...] = ()
    reason: Reason | None = None

    def gravity(self) -> tuple[int, float]:
        """What a graver verdict has more of."""
        return list(Level).index(self.level), self.score


class Guard:
    """Checks texts against hidden characters, rules and the classifier."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def check_all(self, texts: Iterable[str]) -> Verdict:
        """The gravest verdict on several texts; ALLOW where there are none."""
        verdicts = map(self.check, texts)
        return max(verdicts, key=Verdict.gravity, default=Verdict(Level.ALLOW, 0.0))

    def check(self, text: str) -> Verdict:
        """The verdict on a text of any length; takes time in proportion to it."""
        looked_at = [self._look(piece) for piece in pieces(text)]
        score = max(score for score, _ in looked_at)
        marks = sorted({rule for _, rules in looked_at for rule in rules})
        rules = [*hidden(text), *marks]
        if score >= self._classifier.threshold:
            rules.append("classifier")
        return Verdict(_level(rules), round(score, 2), tuple(rules), _reason(rules))

    def score(self, text: str) -> float:
        """The log-odds that a text is an injection, by its most suspicious piece."""
        return max(self._look(piece)[0] for piece in pieces(text))

    def _look(self, piece: str) -> tuple[float, list[str]]:
        rules = broken_rules(piece)
        bonus = RULE_BONUS if WORDINGS.intersection(rules) else 0.0
        return self._classifier.score(piece) + bonus, rules


def _level(rules: list[str]) -> Level:
    if {"classifier", "tag-characters"} & set(rules):
        return Level.BLOCK
    return Level.FLAG if _telling(rules) else Level.ALLOW


def _telling(rules: list[str]) -> bool:
    """Whether these are more than words that harmless sentences have, too."""
    return "classifier" in rules or not WORDINGS.issuperset(rules)


def _reason(rules: list[str]) -> Reason | None:
    if {"tag-characters", "bidi-override", "zero-width"} & set(rules):
        return Reason.HIDDEN_CHARACTERS
    if {"control-token", "role-line"} & set(rules):
        return Reason.CONTROL_TOKENS
    return Reason.PROMPT_INJECTION if _telling(rules) else None
