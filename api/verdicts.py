"""What the submit script says, and the problem that a client hears."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.admission import Pace, Window, rate_headers, seconds_until_room
from api.auth import lacking, no_say
from api.identity.roles import Scope
from api.limits import TooManyTokens
from api.prices import usd
from api.problems import (
    BudgetExceeded,
    DeadlineUnmeetable,
    IdReused,
    InvalidRequest,
    JobGone,
    KeyReused,
    Problem,
    QueueFull,
    RateLimited,
    TooManyJobs,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the submit script said."""

    word: str
    job_id: str
    left: int
    wait_ms: int
    have: int
    limit: int
    rate_limit: int  #: requests allowed to this user in a minute
    tokens_left: int = 0
    tokens_wait_ms: int = 0
    token_limit: int = 0  #: tokens allowed to this user in a minute; 0: any number
    mean_ms: int = 0
    slots: int = 0
    created_ms: int = 0  #: 0 unless it was created by this call

    @property
    def headers(self) -> dict[str, str]:
        """What is left to the caller."""
        requests = Window("permin", self.rate_limit, self.left, self.wait_ms)
        tokens = Window("tokens", self.token_limit, self.tokens_left, self.tokens_wait_ms)
        return rate_headers(requests, tokens) if self.token_limit else rate_headers(requests)

    @property
    def pace(self) -> Pace:
        """How fast jobs leave."""
        return Pace(self.mean_ms, self.slots)


def raise_refusal(verdict: Verdict) -> None:
    """Raises the Problem why the job was not accepted, unless it was, now or before."""
    if verdict.word not in ("created", "replayed"):
        raise _PROBLEMS[verdict.word](verdict)


def _rate_limited(verdict: Verdict) -> Problem:
    return RateLimited(
        f"{verdict.rate_limit} requests a minute are allowed.",
        retry_after=verdict.wait_ms / 1000,
        headers=verdict.headers,
    )


def _tokens_spent(verdict: Verdict) -> Problem:
    if verdict.have < 0:
        return InvalidRequest.about(
            "max_tokens",
            f"{verdict.limit} tokens a minute, the prompt's among them",
            None,
            f"and the prompt are more than your {verdict.limit} tokens a minute: ask for less",
        )
    return TooManyTokens(
        f"{verdict.limit} tokens a minute are allowed; this job may use more than the "
        f"{verdict.tokens_left} that are left.",
        retry_after=verdict.have / 1000,
        headers=verdict.headers,
    )


def _queue_full(verdict: Verdict) -> Problem:
    return QueueFull(
        f"{verdict.have} jobs wait, and this priority is let in below {verdict.limit}.",
        retry_after=seconds_until_room(verdict.have, verdict.limit, verdict.pace),
        headers=verdict.headers,
    )


def _deadline_unmeetable(verdict: Verdict) -> Problem:
    return DeadlineUnmeetable(
        f"The job could start in about {math.ceil(verdict.have / 1000)} s, and its "
        f"deadline is in {verdict.limit / 1000:g} s.",
        retry_after=verdict.pace.seconds_for(1) or 1,
        headers=verdict.headers,
    )


def _user_full(verdict: Verdict) -> Problem:
    return TooManyJobs(
        f"You have {verdict.have} unfinished jobs, and {verdict.limit} are allowed.",
        retry_after=verdict.pace.seconds_for(1) or 1,
        headers=verdict.headers,
    )


def _mismatch(verdict: Verdict) -> Problem:
    return KeyReused(
        f"This Idempotency-Key made {verdict.job_id} from another body.", headers=verdict.headers
    )


def _budget_spent(verdict: Verdict) -> Problem:
    return BudgetExceeded(
        f"You have spent {usd(verdict.have)} of the {usd(verdict.limit)} USD that you may "
        "spend in this month (UTC).",
        headers=verdict.headers,
    )


def _exists(verdict: Verdict) -> Problem:
    return IdReused(
        "This id stands for another job: choose one that nobody else would.",
        headers=verdict.headers,
    )


def _gone(_: Verdict) -> Problem:
    return JobGone("The job was there, and was kept until it expired or was erased.")


def _forbidden(verdict: Verdict) -> Problem:
    return lacking(Scope.WRITE, f"role {verdict.job_id}")


_PROBLEMS: Mapping[str, Callable[[Verdict], Problem]] = {
    "rate_limited": _rate_limited,
    "tokens_spent": _tokens_spent,
    "queue_full": _queue_full,
    "deadline_unmeetable": _deadline_unmeetable,
    "user_full": _user_full,
    "mismatch": _mismatch,
    "budget_spent": _budget_spent,
    "exists": _exists,
    "gone": _gone,
    "forbidden": _forbidden,
    **dict.fromkeys(("revoked", "disabled", "unknown"), lambda verdict: no_say(verdict.word)),
}
