"""Finds the model, chooses its engine and loads it."""

import time
from dataclasses import dataclass

import structlog

from common.artifact import Artifact, ArtifactError, open_artifact, resolve_model
from common.digests import verify_once
from common.estimate import EstimatingTokenizer
from common.settings import EngineName
from common.tokenizer import ByteTokenizer, ModelTokenizer, Tokenizer
from worker.engines import create_engine
from worker.engines.base import Engine, ModelUnavailable
from worker.settings import WorkerSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded engine with what belongs to it."""

    engine: Engine
    tokenizer: Tokenizer
    artifact: Artifact | None
    loaded_at: float  #: seconds since the epoch
    source: str | None = None  #: MODEL, by which the gateway finds the tokenizer


def load_model(settings: WorkerSettings) -> Model:
    """Load and warm the model. Raises ModelUnavailable with one plain sentence, or EngineError."""
    name, artifact = settings.engine, _open(settings)
    if artifact is not None and name is EngineName.AUTO:
        name = _engine_for(artifact)
    tokenizer = _tokenizer(name, artifact)
    engine = create_engine(name, settings.engine_settings(), artifact, tokenizer)
    try:
        engine.load()
        seconds = engine.warmup()
    except Exception:
        engine.close()
        raise
    log.info("model loaded", engine=name, warmup_seconds=round(seconds, 3))
    return Model(engine, tokenizer, artifact, time.time(), settings.model)


def _open(settings: WorkerSettings) -> Artifact | None:
    """The model's files; None for an engine that has none. Raises ModelUnavailable."""
    name = settings.engine
    if name is EngineName.ECHO or (name is EngineName.OPENAI and not settings.model):
        return None
    try:
        artifact = open_artifact(resolve_model(settings.model, name, settings.state_dir))
        verify_once(artifact, settings.state_dir)
    except ArtifactError as error:
        raise ModelUnavailable(str(error)) from error
    return artifact


def _tokenizer(engine: EngineName, artifact: Artifact | None) -> Tokenizer:
    if artifact is not None:
        return ModelTokenizer.load(artifact)
    return EstimatingTokenizer() if engine is EngineName.OPENAI else ByteTokenizer()


def _engine_for(artifact: Artifact) -> EngineName:
    return EngineName.LLAMACPP if artifact.format == "gguf" else EngineName.TRANSFORMERS
