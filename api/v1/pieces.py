"""The parts that the answers of /v1 have in common."""

import hashlib
import json
from typing import Any

from common.job import Job
from common.logprobs import Likelihood, TokenLogprobs
from common.sampling import FinishReason


def created(job: Job) -> int:
    """When, in seconds since 1970."""
    return job.created_ms // 1000


def model(job: Job) -> str:
    """The name under which the model was asked for."""
    return str(job.asked.get("model") or job.model_info.get("model_name") or "")


def fingerprint(job: Job) -> str | None:
    """Changes with whatever a seed's answer depends on; None before the end."""
    if not job.model_info:
        return None
    about = json.dumps(job.model_info, sort_keys=True).encode()
    return f"fp_{hashlib.sha256(about).hexdigest()[:10]}"


def finish_reason(job: Job) -> str:
    """``length`` or ``stop``: what a completed job may say."""
    return "length" if job.finish_reason is FinishReason.LENGTH else "stop"


def completion_usage(job: Job) -> dict[str, Any]:
    """Tokens as chat and completions count them."""
    return {
        "prompt_tokens": job.prompt_tokens,
        "completion_tokens": job.tokens,
        "total_tokens": job.prompt_tokens + job.tokens,
        "prompt_tokens_details": {"cached_tokens": job.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def token_logprobs(tokens: list[TokenLogprobs]) -> list[dict[str, Any]]:
    """As chat and responses show them; a token that shows no text is no part of it."""
    return [
        {**_likelihood(token.chosen), "top_logprobs": [_likelihood(one) for one in token.top]}
        for token in tokens
        if token.chosen.data
    ]


def _likelihood(likelihood: Likelihood) -> dict[str, Any]:
    return {
        "token": likelihood.text,
        "bytes": list(likelihood.data),
        "logprob": likelihood.logprob,
    }
