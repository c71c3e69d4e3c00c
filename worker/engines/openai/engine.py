"""The Engine protocol over an OpenAI-compatible server."""

import asyncio
import logging
import time
from concurrent.futures import CancelledError, Future
from threading import Event, Lock, Thread
from typing import Any

from common.features import Feature
from common.prompt import Prompt
from common.sampling import FinishReason, Sampling
from worker.engines.base import (
    Completion,
    EngineBusy,
    EngineError,
    EngineInfo,
    Generation,
    ModelUnavailable,
    OnTokens,
)
from worker.engines.openai.answer import Answer
from worker.engines.openai.client import Upstream
from worker.engines.openai.wire import parse_delta, request_of
from worker.engines.settings import EngineSettings

logger = logging.getLogger(__name__)

#: Seconds between two looks whether a caller still wants its answer.
LOOK_SECONDS = 0.02
#: How long a whole answer waits for the upstream's count of its tokens.
USAGE_SECONDS = 1.0
#: How long a stream that is cancelled may take to close.
GONE_SECONDS = 1.0
#: What is asked by who wants any tokens.
PROBE = Prompt(text="one two three")


class OpenAIEngine:
    """Implements Engine; a slot is a request under way."""

    def __init__(self, settings: EngineSettings, *, counted: bool) -> None:
        """``counted``: prompts are counted by the model's tokenizer, not by an estimate."""
        self._settings = settings
        self._upstream_settings = settings.upstream
        self._counted = counted
        self._model: dict[str, Any] = {}
        self._lock = Lock()
        self._busy = 0
        self._running: set[Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def load(self) -> None:
        """Reach the upstream and find its model. Raises EngineError."""
        self._upstream = Upstream(self._upstream_settings, self._settings.slots)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._thread.start()
        self._slots = asyncio.Semaphore(self._settings.slots)
        listed = self._call(self._upstream.models())
        self._model = choose_model(listed, self._upstream_settings.model)
        logger.info("asking %s for %s", self._upstream, self._model["id"])

    def warmup(self) -> float:
        """Ask for one token; an upstream under load need not be warmed."""
        started = time.monotonic()
        sampling = Sampling(max_tokens=1, temperature=0)
        try:
            self.generate(Generation((), sampling, prompt=PROBE), lambda _: None, Event())
        except EngineBusy:
            return 0.0
        return time.monotonic() - started

    def generate(self, request: Generation, on_tokens: OnTokens, cancelled: Event) -> Completion:
        """Ask the upstream and wait for the end. See Engine."""
        answer = Answer(request, on_tokens, cancelled, self._context_size)
        reason = answer.over()
        if reason is not None:
            return answer.completion(reason)
        gone = Event()
        running = self._submit(self._run(request, answer, gone))
        try:
            reason = self._wait(running, answer)
        finally:
            with self._lock:
                self._running.discard(running)
        gone.wait(GONE_SECONDS)
        return answer.completion(reason)

    def busy_slots(self) -> int:
        """Requests under way."""
        return self._busy

    def last_step(self) -> float:
        """Now: an upstream that hangs is noticed by its silence, and is not this process."""
        return time.monotonic()

    def info(self) -> EngineInfo:
        """What the upstream says that it serves."""
        logprobs = (Feature.LOGPROBS,) if self._upstream_settings.logprobs else ()
        return EngineInfo(
            engine="openai",
            model_name=str(self._model.get("id", self._upstream_settings.model)),
            quantization="unknown",
            context_size=self._context_size,
            slots=self._settings.slots,
            gpu_layers=None,
            parameters=None,
            artifact_bytes=None,
            memory_bytes=None,
            device="upstream",
            features=(*logprobs, Feature.RESPONSE_FORMAT),
            details={
                "prompt_tokens": "counted" if self._counted else "estimated",
                "resume": "the upstream is asked again, and must repeat itself",
            },
        )

    def close(self) -> None:
        """End generations under way with EngineError."""
        with self._lock:
            loop, self._loop = self._loop, None
            running = list(self._running)
        if loop is None:
            return
        for future in running:
            future.cancel()
        asyncio.run_coroutine_threadsafe(self._leave(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join()
        loop.close()

    @property
    def _context_size(self) -> int:
        """The upstream's own word, if it gives one."""
        told = self._model.get("max_model_len") or (self._model.get("meta") or {}).get("n_ctx")
        return int(told or self._settings.context_size)

    def _submit(self, coroutine: Any) -> Any:
        with self._lock:
            if self._loop is None:
                coroutine.close()
                raise EngineError("the engine is not loaded")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._running.add(future)
        return future

    def _call(self, coroutine: Any) -> Any:
        future = self._submit(coroutine)
        try:
            return future.result()
        finally:
            self._running.discard(future)

    def _wait(self, running: "Future[None]", answer: Answer) -> FinishReason:
        """Until the stream has ended, or nobody wants more of it. Raises EngineError."""
        patience = USAGE_SECONDS
        while True:
            try:
                running.result(LOOK_SECONDS)
            except CancelledError as error:
                raise EngineError("the engine is closed") from error
            except TimeoutError:
                patience -= LOOK_SECONDS if answer.ended else 0
            reason = answer.over()
            if running.done() or (reason and (not answer.ended or patience <= 0)):
                running.cancel()
                return reason or FinishReason.STOP

    async def _leave(self) -> None:
        """Let what was cancelled come to its end before the loop does."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=GONE_SECONDS)
        await self._upstream.close()

    async def _run(self, request: Generation, answer: Answer, gone: Event) -> None:
        try:
            async with self._slots:
                self._busy += 1
                try:
                    await self._stream(request, answer)
                finally:
                    self._busy -= 1
        finally:
            gone.set()

    async def _stream(self, request: Generation, answer: Answer) -> None:
        alternatives = request.sampling.logprobs or 0
        path, body = request_of(
            str(self._model["id"]),
            request.prompt or PROBE,
            request.sampling,
            logprobs=self._upstream_settings.logprobs,
        )
        reason = None
        events = self._upstream.stream(path, body)
        try:
            async for event in events:
                delta = parse_delta(event, alternatives)
                if answer.ended and delta.pieces and not delta.finish_reason:
                    break  # it goes on past a stop string that it was not told of
                answer.take(delta)
                reason = delta.finish_reason or reason
        finally:
            await events.aclose()  # type: ignore[attr-defined]
        answer.finish(reason)


def choose_model(listed: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The entry of the model to ask for: UPSTREAM_MODEL, or the first. Raises ModelUnavailable."""
    if not listed:
        if wanted:
            return {"id": wanted}
        raise ModelUnavailable("the upstream lists no models: set UPSTREAM_MODEL")
    found = [model for model in listed if model.get("id") == wanted or not wanted]
    if not found:
        names = ", ".join(str(model.get("id")) for model in listed[:10])
        raise ModelUnavailable(f"the upstream has no model {wanted!r}; it has {names}")
    return found[0]
