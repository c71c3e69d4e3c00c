"""The Engine protocol over transformers' LlamaForCausalLM."""

from common.features import Feature
from worker.engines.base import EngineInfo
from worker.engines.settings import Quantization
from worker.engines.slots.engine import SlotEngine
from worker.engines.transformers.graphs import CudaRecorder
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
        record = CudaRecorder() if self._is_recorded(model.device.type) else None
        return ModelRunner(
            model,
            settings.slots,
            self._context_size,
            settings.n_batch,
            record,
            settings.prompt_lookup_tokens,
        )

    def _is_recorded(self, device: str) -> bool:
        """Whether decoding becomes graphs; looking for outliers, INT8 waits for the device."""
        settings = self._settings
        waits = settings.quantization is Quantization.INT8 and settings.int8_threshold > 0
        return device == "cuda" and settings.cuda_graphs and not waits
