"""Reloads by name: checked here, remembered in Redis, obeyed by one worker after the other."""

import asyncio
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from api.cluster import Cluster, Worker
from api.problems import InvalidRequest, NotFound
from api.requests.reload import ReloadRequest
from api.settings import ApiSettings
from common import keys
from common.artifact import Artifact, ArtifactError, open_artifact, resolve_model
from common.commands import Command, Target, Verb
from common.reloads import Reload, ReloadState, Step, in_force
from common.settings import EngineName
from common.variants import variants

#: Which format an engine reads; the others read any, or none.
_FORMATS = {EngineName.LLAMACPP: "gguf", EngineName.TRANSFORMERS: "safetensors"}


class Reloads:
    """Gives them, and says how far they are."""

    def __init__(self, redis: "Redis", cluster: Cluster, settings: ApiSettings) -> None:
        self._redis = redis
        self._cluster = cluster
        self._settings = settings

    async def begin(self, request: ReloadRequest) -> tuple[Command, int]:
        """Tell the workers; how many heard it. Raises InvalidRequest."""
        await self._check_workers(request)
        current = await self._in_force()
        target = await asyncio.to_thread(plan, current, request, self._settings)
        command = Command(Verb.RELOAD, target=target, workers=tuple(request.workers or ()))
        stored = Reload(command.id, target, current, command.workers).to_json()
        pipe = self._redis.pipeline()
        if not command.workers:
            pipe.set(keys.RELOAD_WANTED, stored)
        pipe.set(keys.RELOAD_LAST, stored)
        pipe.publish(keys.COMMANDS_CHANNEL, command.to_json())
        *_, heard = await pipe.execute()
        return command, int(heard)

    async def progress(self) -> dict[str, Any]:
        """The last reload, worker by worker. Raises NotFound."""
        stored = await self._redis.get(keys.RELOAD_LAST)
        if not stored:
            raise NotFound("Nothing was reloaded yet.")
        last = Reload.from_json(str(stored))
        steps = await self._steps(last.id)
        workers = (await self._cluster.state()).inference
        views = [
            _view(worker, steps.get(worker.id), last.id)
            for worker in workers
            if not last.workers or worker.id in last.workers
        ]
        states = {view["state"] for view in views}
        return {
            "id": last.id,
            "engine": last.target.engine,
            "model": last.target.model,
            "quantization": last.target.quantization,
            "done": not states & {ReloadState.WAITING, ReloadState.LOADING},
            "failed": ReloadState.FAILED in {step.state for step in steps.values()},
            "workers": views,
        }

    async def _check_workers(self, request: ReloadRequest) -> None:
        alive = [worker.id for worker in (await self._cluster.state()).inference]
        for named in request.workers or ():
            if named not in alive:
                raise InvalidRequest.about("workers", ", ".join(alive), named, "is not at work")

    async def _in_force(self) -> Target:
        stored = await self._redis.get(keys.RELOAD_WANTED)
        last = Reload.from_json(str(stored)) if stored else None
        return in_force(last, await self._steps(last.id) if last else {})

    async def _steps(self, reload_id: str) -> dict[str, Step]:
        stored = await self._redis.hgetall(keys.reload_steps(reload_id))
        return {str(worker): Step.from_json(str(step)) for worker, step in stored.items()}


def _view(worker: Worker, step: Step | None, reload_id: str) -> dict[str, Any]:
    state = step.state if step else ReloadState.WAITING
    if step is None and worker.last_command == reload_id:
        state = ReloadState.READY
    return {
        "id": worker.id,
        "state": state,
        "error": step.error or None if step else None,
        "model_name": worker.info.get("model_name"),
        "quantization": worker.info.get("quantization"),
        "engine": worker.info.get("engine"),
    }


def plan(current: Target, request: ReloadRequest, settings: ApiSettings) -> Target:
    """What the workers are to load. Raises InvalidRequest where it cannot be had."""
    if request.reset:
        current = Target()
    engine = request.engine.value if request.engine else current.engine
    model = request.model or current.model
    kept = current.quantization if request.model is None else None
    target = Target(engine, model, request.quantization or kept)
    effective = EngineName(engine or settings.engine)
    if effective is EngineName.OPENAI and not settings.upstream_url:
        raise InvalidRequest.about("engine", "with UPSTREAM_URL", "openai", "needs UPSTREAM_URL")
    if effective is EngineName.ECHO or (effective is EngineName.OPENAI and not model):
        return target
    artifact = _artifact(model or settings.model, effective, settings.state_dir)
    if request.quantization is None:
        return target
    return _quantized(target, artifact, effective, settings.state_dir)


def _artifact(model: str | None, engine: EngineName, state_dir: Path) -> Artifact:
    try:
        return open_artifact(resolve_model(model, engine, state_dir))
    except (ArtifactError, OSError, RuntimeError, ValueError) as error:  # no path at all
        raise InvalidRequest.about("model", "a model that is there", model, f"- {error}") from error


def _quantized(target: Target, artifact: Artifact, engine: EngineName, state_dir: Path) -> Target:
    """The folder that holds the quantization, or the engine is to make it while it loads."""
    found = [
        variant
        for variant in variants(artifact.name, state_dir)
        if _FORMATS.get(engine, variant.format) == variant.format
    ]
    wanted = str(target.quantization).lower()
    for variant in found:
        if wanted in variant.quantizations:
            return Target(target.engine, variant.folder, None)
    if artifact.format == "safetensors":
        return target
    there = sorted(set().union(*(variant.quantizations for variant in found)) - {"none"})
    raise InvalidRequest.about(
        "quantization",
        ", ".join(there),
        target.quantization,
        f"is not there for {artifact.name}; there is {', '.join(there) or 'none'}",
    )
