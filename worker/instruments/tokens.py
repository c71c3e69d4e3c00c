"""Tokens, and how fast they come."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.instruments import exemplar
from worker.engines.base import Completion
from worker.speedometer import Speedometer

_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_EACH = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5),
)
_BATCH = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class TokenInstruments:
    """What the engine makes, and what it was given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.speedometer = Speedometer()
        self.generated = 0
        self.generation_speed: float | None = None  #: tokens per second of the latest one
        self._tokens = Counter(
            "llama_tokens_generated_total", "Tokens generated.", registry=registry
        )
        self._prompt = Counter(
            "llama_prompt_tokens_total", "Tokens of prompts.", ("cached",), registry=registry
        )
        self._drafted = Counter(
            "llama_draft_tokens_total",
            "Tokens that were drafted for a step.",
            ("accepted",),
            registry=registry,
        )
        self._first_token = Histogram(
            "llama_time_to_first_token_seconds",
            "From the engine's call to its first token.",
            buckets=_FIRST,
            registry=registry,
        )
        self._per_token = Histogram(
            "llama_time_per_output_token_seconds",
            "Mean time between tokens of a generation.",
            buckets=_EACH,
            registry=registry,
        )
        self._batch = Histogram(
            "llama_batch_size",
            "Busy slots when tokens were made.",
            buckets=_BATCH,
            registry=registry,
        )
        self._generation_speed = Gauge(
            "llama_generation_tokens_per_second",
            "Decode speed of the latest generation.",
            registry=registry,
        )
        Gauge(
            "llama_tokens_per_second",
            "Tokens per second over all slots, in the last ten seconds.",
            registry=registry,
        ).set_function(self.speedometer.per_second)

    def made(self, count: int, busy_slots: int) -> None:
        """A step made tokens for one of the slots."""
        self.generated += count
        self._tokens.inc(count)
        self._batch.observe(busy_slots)
        self.speedometer.add(count)

    def completed(self, completion: Completion, prompt_tokens: int) -> None:
        """A call of the engine returned; its prompt had so many tokens."""
        if completion.time_to_first_token_seconds is not None:
            self._first_token.observe(completion.time_to_first_token_seconds, exemplar())
            cached = min(prompt_tokens, completion.cached_tokens)
            self._prompt.labels("yes").inc(cached)
            self._prompt.labels("no").inc(prompt_tokens - cached)
        self._drafted.labels("yes").inc(completion.accepted_tokens)
        self._drafted.labels("no").inc(completion.drafted_tokens - completion.accepted_tokens)
        if completion.new_tokens > 1 and completion.decode_seconds > 0:
            per_token = completion.decode_seconds / (completion.new_tokens - 1)
            self._per_token.observe(per_token, exemplar())
            self.generation_speed = round(1 / per_token, 3)
            self._generation_speed.set(1 / per_token)
