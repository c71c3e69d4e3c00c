"""``python -m benchmarks.way.stamped MODULE [ROLE]``: the product, noting when a job passes where.

Nothing else of it is changed; a stamp costs a few microseconds.
"""

import runpy
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from benchmarks.way.stamps import MADE, Stamps, now


class StampSettings(BaseSettings):
    """Read from the environment."""

    stamps: Path


def stamp_gateway(stamps: Stamps) -> None:
    """From a request's arrival to its answer, and what is heard in between."""
    import api.app
    import api.intake
    import api.watch
    from common.events import StateChange
    from common.scripts import AsyncScripts

    arrived: ContextVar[int] = ContextVar("arrived")
    gateway: Any = api.app
    watch: Any = api.watch
    intake: Any = api.intake
    create_app, parse_message = gateway.create_app, watch.parse_message
    job_response = intake.job_response
    pipeline = AsyncScripts.pipeline

    async def stamped_pipeline(self: Any, calls: Any) -> Any:
        calls, began = list(calls), now()
        answers = await pipeline(self, calls)
        for name, arguments in calls:
            if name == "submit":
                stamps.write(str(arguments[0]), "received", arrived.get())
                stamps.write(str(arguments[0]), "submitting", began)
        return answers

    def stamped_message(message: str) -> Any:
        events = parse_message(message)
        for event in events:
            if isinstance(event, StateChange):
                stamps.write(event.job_id, f"told:{event.status}")
        return events

    def stamped_response(snapshot: Any, *args: Any) -> Any:
        stamps.write(snapshot.job.id, "answering")
        return job_response(snapshot, *args)

    def stamped_app() -> Any:
        app = create_app()

        async def listen(scope: Any, receive: Any, send: Any) -> None:
            arrived.set(now())
            await app(scope, receive, send)

        return listen

    AsyncScripts.pipeline = stamped_pipeline  # type: ignore[method-assign]
    watch.parse_message = stamped_message
    intake.job_response = stamped_response
    gateway.create_app = stamped_app


def stamp_worker(stamps: Stamps) -> None:
    """From a doorbell to the finished record, and every token."""
    from structlog.contextvars import get_contextvars

    from common.scripts import Scripts
    from worker.attempt import Attempts
    from worker.engines.echo import EchoEngine
    from worker.strict import StrictConsumer

    run, generate, call = Attempts.run, EchoEngine.generate, Scripts.__call__
    create_handler = StrictConsumer.create_task_handler

    def stamped_run(self: Any, job_id: str) -> Any:
        stamps.write(job_id, "slot")
        return run(self, job_id)

    def stamped_generate(self: Any, request: Any, on_tokens: Any, cancelled: Any) -> Any:
        job_id, made = get_contextvars().get("job_id", "-"), len(request.generated_ids)

        def stamped_tokens(tokens: Any) -> None:
            nonlocal made
            made += len(tokens)
            stamps.write(job_id, f"{MADE}{made}")
            on_tokens(tokens)

        stamps.write(job_id, "engine")
        completion = generate(self, request, stamped_tokens, cancelled)
        stamps.write(job_id, "made")
        return completion

    def stamped_call(self: Any, name: str, *arguments: Any) -> Any:
        if name not in _WORKER_SCRIPTS:
            return call(self, name, *arguments)
        stamps.write(str(arguments[0]), f"{name}ing")
        answer = call(self, name, *arguments)
        stamps.write(str(arguments[0]), f"{name}ed")
        return answer

    def stamped_handler(self: Any, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = create_handler(self, *args, **kwargs)

        def heard(message: Any) -> None:
            stamps.write(message.headers["id"], "heard")
            handle(message)

        return heard

    Attempts.run = stamped_run  # type: ignore[method-assign]
    EchoEngine.generate = stamped_generate  # type: ignore[method-assign]
    Scripts.__call__ = stamped_call  # type: ignore[method-assign]
    StrictConsumer.create_task_handler = stamped_handler  # type: ignore[method-assign]


_WORKER_SCRIPTS = frozenset({"claim", "finish"})


def main() -> None:
    """Put the stamps in and run the module as it would run by itself."""
    module, *role = sys.argv[1:]
    stamps = Stamps(StampSettings().stamps)
    if module == "api":
        stamp_gateway(stamps)
    elif role == ["inference"]:
        stamp_worker(stamps)
    sys.argv = [module, *role]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
