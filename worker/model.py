"""Finds the model, chooses its engine and loads it."""

import time
from dataclasses import dataclass

import structlog

from common.artifact import Artifact, ArtifactError, open_artifact, resolve_model
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


def load_model(settings: WorkerSettings) -> Model:
    """Load and warm the model. Raises ModelUnavailable with one plain sentence, or EngineError."""
    artifact: Artifact | None = None
    tokenizer: Tokenizer = ByteTokenizer()
    name = settings.engine
    if name is not EngineName.ECHO:
        try:
            artifact = open_artifact(resolve_model(settings.model, name, settings.state_dir))
        except ArtifactError as error:
            raise ModelUnavailable(str(error)) from error
        tokenizer = ModelTokenizer.load(artifact)
        if name is EngineName.AUTO:
            name = EngineName(_engine_for(artifact))
    engine = create_engine(name, settings.engine_settings(), artifact, tokenizer)
    try:
        engine.load()
        seconds = engine.warmup()
    except Exception:
        engine.close()
        raise
    log.info("model loaded", engine=name, warmup_seconds=round(seconds, 3))
    return Model(engine, tokenizer, artifact, time.time())


def _engine_for(artifact: Artifact) -> EngineName:
    return EngineName.LLAMACPP if artifact.format == "gguf" else EngineName.TRANSFORMERS
