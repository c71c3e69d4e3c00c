"""Finds the model, chooses its engine and loads it, waiting for files that are missing."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from common.artifact import Artifact, ArtifactError, open_artifact, resolve_model
from common.settings import EngineName
from common.tokenizer import ByteTokenizer, ModelTokenizer, Tokenizer
from worker.engines import create_engine
from worker.engines.base import Engine, ModelUnavailable
from worker.settings import WorkerSettings

log = structlog.get_logger()

#: Seconds between two looks for a model that is not there.
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded engine with what belongs to it."""

    engine: Engine
    tokenizer: Tokenizer
    artifact: Artifact | None
    loaded_at: float  #: seconds since the epoch


def load_model(settings: WorkerSettings) -> Model:
    """Load and warm the model. Raises ModelUnavailable with one plain sentence."""
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
    engine.load()
    seconds = engine.warmup()
    log.info("model loaded", engine=name, warmup_seconds=round(seconds, 3))
    return Model(engine, tokenizer, artifact, time.time())


def wait_for_model(settings: WorkerSettings, missing: Callable[[str], None]) -> Model:
    """Load the model, telling ``missing`` why it is not there, for as long as it takes."""
    while True:
        try:
            return load_model(settings)
        except ModelUnavailable as error:
            log.warning("the model is unavailable; jobs wait", error=str(error))
            missing(str(error))
            time.sleep(RETRY_SECONDS)


def _engine_for(artifact: Artifact) -> EngineName:
    return EngineName.LLAMACPP if artifact.format == "gguf" else EngineName.TRANSFORMERS
