"""The Engine protocol over llama.cpp."""

from typing import Any

from common.features import Feature
from worker.engines.base import EngineInfo, ModelUnavailable
from worker.engines.gguf_check import NoGguf, check_gguf
from worker.engines.llamacpp.context import Context
from worker.engines.llamacpp.runner import LlamaRunner
from worker.engines.llamacpp.tunings import tuned
from worker.engines.slots.engine import SlotEngine


class LlamaCppEngine(SlotEngine[LlamaRunner]):
    """Runs a GGUF model in the quantization it is stored in, on a CPU or a GPU.

    ``settings.quantization`` and ``settings.gpu_memory_fraction`` mean nothing here.
    """

    def _load_runner(self) -> LlamaRunner:
        if self._artifact.format != "gguf":
            raise ModelUnavailable(
                f"the llamacpp engine reads GGUF, and {self._artifact.path} is "
                f"{self._artifact.format}: use ENGINE=transformers"
            )
        try:
            check_gguf(self._artifact.path)
        except NoGguf as error:
            raise ModelUnavailable(
                f"llama.cpp cannot load {self._artifact.path}: {error.reason}"
            ) from error
        context = Context(self._artifact.path, self._settings, self._context_size)
        if context.vocab_size < self._tokenizer.vocab_size:
            context.close()
            raise ModelUnavailable(
                f"the tokenizer beside {self._artifact.path} is another model's: it has "
                f"{self._tokenizer.vocab_size} ids, the model {context.vocab_size}"
            )
        if self._settings.autotune_cache is not None:
            most, cache = context.threads.many, self._settings.autotune_cache
            tuned(context, self._artifact, self._settings.slots, most, cache)
        return LlamaRunner(context)

    def info(self) -> EngineInfo:
        """What is loaded."""
        context = self._runner.context if self._runner else None
        return EngineInfo(
            engine="llamacpp",
            model_name=self._artifact.name,
            quantization=self._artifact.quantization,
            context_size=self._context_size,
            slots=self._settings.slots,
            gpu_layers=context.gpu_layers if context else None,
            parameters=self._artifact.parameters,
            artifact_bytes=self._artifact.bytes,
            memory_bytes=context.weight_bytes + context.kv_bytes if context else None,
            device="gpu" if context and context.gpu_layers else "cpu",
            features=(Feature.LOGPROBS, Feature.RESPONSE_FORMAT),
            details=self._details(context) if context else {},
        )

    def _details(self, context: Context) -> dict[str, Any]:
        """The knobs as they came out."""
        return {
            "n_ctx": self._context_size,
            "n_batch": context.n_batch,
            "n_threads": context.threads.many,
            "n_threads_one": context.threads.one,
            "use_mlock": self._settings.use_mlock,
            "use_mmap": self._settings.use_mmap,
            "f16_kv": self._settings.f16_kv,
            "kv_bytes": context.kv_bytes,
        }
