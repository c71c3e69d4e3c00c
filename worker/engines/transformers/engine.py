"""The Engine protocol over transformers' LlamaForCausalLM."""

from common.features import Feature
from worker.engines.base import EngineInfo
from worker.engines.slots.engine import SlotEngine
from worker.engines.transformers.loading import load_model, precision_of
from worker.engines.transformers.runner import ModelRunner


class TransformersEngine(SlotEngine[ModelRunner]):
    """Any Quantization, on CUDA if there is a GPU, else on the CPU.

    ``n_gpu_layers``, ``use_mlock``, ``use_mmap`` and ``f16_kv`` mean nothing here: the model
    is on one device as a whole, and the KV cache has the model's dtype.
    """

    def info(self) -> EngineInfo:
        """What is loaded."""
        runner = self._runner
        return EngineInfo(
            engine="transformers",
            model_name=self._artifact.name,
            quantization=precision_of(self._artifact, self._settings.quantization).value,
            context_size=self._context_size,
            slots=self._settings.slots,
            gpu_layers=None,
            parameters=self._artifact.parameters,
            artifact_bytes=self._artifact.bytes,
            memory_bytes=runner.memory_bytes if runner else None,
            device=str(runner.model.device) if runner else "none",
            features=(Feature.LOGPROBS, Feature.RESPONSE_FORMAT),
            details=runner.details() if runner else {},
        )

    def _load_runner(self) -> ModelRunner:
        settings = self._settings
        model = load_model(self._artifact, settings)
        return ModelRunner(model, settings.slots, self._context_size, settings.n_batch)
