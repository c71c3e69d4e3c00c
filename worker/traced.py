"""An engine whose generations are spans, by OpenTelemetry's conventions for generative AI.

Those conventions are still in development, so the names that we use are pinned here, as of
semantic-conventions 1.40. Prompts, answers and stop strings are never among them.
"""

import time
from dataclasses import replace
from threading import Event

from common.tracing import Attributes, Kind, Span, Tracing
from worker.engines.base import Completion, Engine, EngineInfo, Generation, OnTokens
from worker.model import Model


def traced(model: Model, tracing: Tracing) -> Model:
    """The model with an engine that tells of its generations."""
    return replace(model, engine=TracedEngine(model.engine, tracing))


class TracedEngine:
    """Does what ``engine`` does, and tells of every generation. See Engine."""

    def __init__(self, engine: Engine, tracing: Tracing) -> None:
        self._engine = engine
        self._tracing = tracing
        self.load, self.warmup, self.close = engine.load, engine.warmup, engine.close
        self.busy_slots, self.last_step = engine.busy_slots, engine.last_step
        self.info = engine.info

    def generate(self, request: Generation, on_tokens: OnTokens, cancelled: Event) -> Completion:
        """Generate, in a span that is part of the current one."""
        info, operation = self.info(), _operation(request)
        about = request_attributes(request, info, operation)
        name = f"{operation} {info.model_name}"
        with self._tracing.span(name, kind=Kind.CLIENT, attributes=about) as span:
            began = time.time()
            completion = self._engine.generate(request, on_tokens, cancelled)
            span.tell(response_attributes(request, completion, info))
            self._phases(span, completion, began)
        return completion

    def _phases(self, span: Span, completion: Completion, began: float) -> None:
        """Prefill ends, and decode begins, with the first token."""
        if completion.time_to_first_token_seconds is None:
            return
        first = began + completion.time_to_first_token_seconds
        parent = span.traceparent
        cached = {"caravan.cached_tokens": completion.cached_tokens}
        self._tracing.record("prefill", began, first, parent, cached)
        made = {"gen_ai.usage.output_tokens": completion.new_tokens}
        self._tracing.record("decode", first, first + completion.decode_seconds, parent, made)


def _operation(request: Generation) -> str:
    chat = request.prompt is not None and request.prompt.messages
    return "chat" if chat else "text_completion"


def request_attributes(request: Generation, info: EngineInfo, operation: str) -> Attributes:
    """What is asked for; the seed only where there is one."""
    sampling = request.sampling
    seed = {} if sampling.seed is None else {"gen_ai.request.seed": sampling.seed}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "caravan",
        "gen_ai.request.model": info.model_name,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.top_k": sampling.top_k,
        "caravan.engine": info.engine,
        "caravan.quantization": info.quantization,
        **seed,
    }


def response_attributes(
    request: Generation, completion: Completion, info: EngineInfo
) -> Attributes:
    """What came of it; tokens are those of the whole answer, earlier attempts included."""
    counted = completion.prompt_tokens
    first = completion.time_to_first_token_seconds
    return {
        "gen_ai.response.model": info.model_name,
        "gen_ai.response.finish_reasons": [completion.finish_reason.value],
        "gen_ai.usage.input_tokens": len(request.prompt_ids) if counted is None else counted,
        "gen_ai.usage.output_tokens": len(completion.token_ids),
        **({} if first is None else {"gen_ai.response.time_to_first_chunk": first}),
    }
