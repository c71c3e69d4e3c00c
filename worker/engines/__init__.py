"""The engines by name; each is imported only when it is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a process without a model reads our settings, and no tokenizer for it
    from common.artifact import Artifact
    from common.tokenizer import Tokenizer
    from worker.engines.base import Engine
    from worker.engines.settings import EngineSettings


def create_engine(
    name: str, settings: "EngineSettings", artifact: "Artifact | None", tokenizer: "Tokenizer"
) -> "Engine":
    """Build the engine ``name``; echo and openai need no artifact. Raises ValueError."""
    if name == "echo":
        from worker.engines.echo import EchoEngine

        return EchoEngine(settings, tokenizer)
    if name == "openai":
        from worker.engines.openai.engine import OpenAIEngine

        return OpenAIEngine(settings, counted=artifact is not None)
    if artifact is None:
        raise ValueError(f"the engine {name!r} needs a model")
    if name == "llamacpp":
        from worker.engines.llamacpp.engine import LlamaCppEngine

        return LlamaCppEngine(settings, artifact, tokenizer)
    if name == "transformers":
        from worker.engines.transformers.engine import TransformersEngine

        return TransformersEngine(settings, artifact, tokenizer)
    raise ValueError(f"there is no engine {name!r}")
