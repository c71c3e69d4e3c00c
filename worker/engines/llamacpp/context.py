"""A loaded GGUF model with a KV cache of one sequence per slot."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.engines.base import EngineError, EngineOutOfMemory, ModelUnavailable
from worker.engines.cores import usable_cores
from worker.engines.llamacpp import structs
from worker.engines.llamacpp.native import library
from worker.engines.settings import EngineSettings

logger = logging.getLogger(__name__)

#: The most tokens in a batch without a GPU: 512 would hold up the neighbours for seconds.
CPU_BATCH = 128

#: llama_decode's status when a buffer could not be allocated.
ALLOCATION_FAILED = -2


@dataclass(frozen=True, slots=True)
class Threads:
    """For a step of one busy slot, and for steps of several and for prompts."""

    one: int
    many: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of a batch: where it goes, and whether its logits are wanted."""

    slot: int
    position: int
    token_id: int
    wants_logits: bool = False


class Context:
    """llama.cpp's model and context. For one thread at a time.

    ``gpu_layers`` of ``layers`` + 1 are on a GPU; sizes are in bytes.
    """

    def __init__(self, path: Path, settings: EngineSettings, context_size: int) -> None:
        """Load ``path``. Raises ModelUnavailable."""
        self._library = library(settings.llamacpp_library)
        self._model = self._load_model(path, settings)
        self.layers: int = self._library.llama_model_n_layer(self._model)
        self.gpu_layers = self._offloaded(settings.n_gpu_layers)
        self.n_batch = settings.n_batch if self.gpu_layers else min(settings.n_batch, CPU_BATCH)
        self.threads = Threads(*[max(1, min(settings.n_threads, usable_cores()))] * 2)
        self._context = self._create_context(settings, context_size)
        self._memory = self._library.llama_get_memory(self._context)
        room = max(self.n_batch, _step_tokens(settings))
        self._batch = self._library.llama_batch_init(room, 0, 1)
        vocabulary = self._library.llama_model_get_vocab(self._model)
        self.vocab_size: int = self._library.llama_vocab_n_tokens(vocabulary)
        self.weight_bytes: int = self._library.llama_model_size(self._model)
        self.kv_bytes = settings.slots * context_size * self._kv_bytes_per_token(settings)

    def decode(self, entries: Sequence[Entry]) -> None:
        """Run the model over ``entries``, at most ``n_batch``. Raises EngineError."""
        batch = self._batch
        batch.n_tokens = len(entries)
        for row, entry in enumerate(entries):
            batch.token[row] = entry.token_id
            batch.pos[row] = entry.position
            batch.n_seq_id[row] = 1
            batch.seq_id[row][0] = entry.slot
            batch.logits[row] = entry.wants_logits
        status = self._library.llama_decode(self._context, batch)
        if status == ALLOCATION_FAILED:
            raise EngineOutOfMemory("llama.cpp could not allocate memory for a batch")
        if status != 0:
            raise EngineError(f"llama.cpp could not decode a batch (status {status})")

    def logits(self, row: int) -> NDArray[np.float32]:
        """The logits [vocab] of an entry of the last ``decode``; valid until the next."""
        pointer = self._library.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, (self.vocab_size,))

    def forget(self, slot: int, position: int) -> None:
        """Drop what ``slot`` holds from ``position`` on."""
        self._library.llama_memory_seq_rm(self._memory, slot, position, -1)

    def copy(self, source: int, slot: int) -> None:
        """Make ``slot`` hold what ``source`` holds."""
        self._library.llama_memory_seq_cp(self._memory, source, slot, -1, -1)

    def set_threads(self, threads: Threads) -> None:
        """From the next ``decode`` on."""
        self.threads = threads
        self._library.llama_set_n_threads(self._context, threads.one, threads.many)

    def close(self) -> None:
        """Free everything; nothing may be called afterwards."""
        self._library.llama_batch_free(self._batch)
        self._library.llama_free(self._context)
        self._library.llama_model_free(self._model)

    def _load_model(self, path: Path, settings: EngineSettings) -> int:
        params = self._library.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers
        params.load_mode = _LOAD_MODES[settings.use_mmap, settings.use_mlock]
        model: int | None = self._library.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise ModelUnavailable(
                f"llama.cpp cannot load {path}: it is missing, damaged, or no GGUF model"
            )
        return model

    def _create_context(self, settings: EngineSettings, context_size: int) -> int:
        params = self._context_params(settings, context_size)
        context: int | None = self._library.llama_init_from_model(self._model, params)
        if not context:
            self._library.llama_model_free(self._model)
            raise ModelUnavailable(
                f"llama.cpp cannot allocate {settings.slots} slots of {context_size} tokens"
            )
        return context

    def _context_params(self, settings: EngineSettings, context_size: int) -> structs.ContextParams:
        """What is not set here has llama.cpp's default; ``benchmarks.llamacpp.knobs`` says why."""
        params: structs.ContextParams = self._library.llama_context_default_params()
        params.n_ctx = context_size * settings.slots
        params.n_seq_max = settings.slots
        params.n_batch = params.n_ubatch = max(self.n_batch, _step_tokens(settings))
        params.n_outputs_max = params.n_batch if settings.scoring else _step_tokens(settings)
        params.n_threads, params.n_threads_batch = self.threads.one, self.threads.many
        params.type_k = params.type_v = structs.TYPE_F16 if settings.f16_kv else structs.TYPE_F32
        return params

    def _offloaded(self, wanted: int) -> int:
        """How many layers are on a GPU, the output layer counted as one."""
        if not self._library.llama_supports_gpu_offload():
            if wanted != 0:
                logger.warning("N_GPU_LAYERS=%d is ignored: no GPU that xllamacpp can use", wanted)
            return 0
        everything = self.layers + 1
        return everything if wanted < 0 else min(wanted, everything)

    def _kv_bytes_per_token(self, settings: EngineSettings) -> int:
        width: int = self._library.llama_model_n_embd(self._model)
        heads: int = self._library.llama_model_n_head(self._model)
        kv_heads: int = self._library.llama_model_n_head_kv(self._model)
        return 2 * self.layers * width * kv_heads // heads * (2 if settings.f16_kv else 4)


def _step_tokens(settings: EngineSettings) -> int:
    """The most that a step decodes: the last id of each slot and its draft."""
    return settings.slots * (1 + settings.prompt_lookup_tokens)


#: (use_mmap, use_mlock) -> enum llama_load_mode
_LOAD_MODES: dict[tuple[bool, bool], int] = {
    (False, False): structs.LOAD_ALL,
    (True, False): structs.LOAD_MMAP,
    (False, True): structs.LOAD_MLOCK,
    (True, True): structs.LOAD_MMAP_MLOCK,
}
