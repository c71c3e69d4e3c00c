"""The part of llama.cpp's C interface (include/llama.h) that the engine calls.

The xllamacpp wheel carries llama.cpp as one shared library that exports this interface.
Its own Server class is not used: it swallows the ids of tokens that end inside a UTF-8
character, opens a TCP port, and takes over SIGINT and SIGTERM.
"""

import ctypes
import logging
import os
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from worker.engines.base import ModelUnavailable
from worker.engines.llamacpp.structs import (
    CONTEXT_DEFAULTS,
    MODEL_DEFAULTS,
    Batch,
    ContextParams,
    ModelParams,
    has_defaults,
)

logger = logging.getLogger(__name__)

_LogCallback = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)

#: enum ggml_log_level; its information is of interest to its developers.
_LEVELS = {2: logging.DEBUG, 3: logging.INFO, 4: logging.ERROR}

#: name -> (result, arguments)
_PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_log_set": (None, (_LogCallback, c_void_p)),
    "llama_backend_init": (None, ()),
    "llama_supports_gpu_offload": (c_bool, ()),
    "llama_model_default_params": (ModelParams, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_model_load_from_file": (c_void_p, (c_char_p, ModelParams)),
    "llama_model_free": (None, (c_void_p,)),
    "llama_init_from_model": (c_void_p, (c_void_p, ContextParams)),
    "llama_free": (None, (c_void_p,)),
    "llama_set_n_threads": (None, (c_void_p, c_int32, c_int32)),
    "llama_model_get_vocab": (c_void_p, (c_void_p,)),
    "llama_vocab_n_tokens": (c_int32, (c_void_p,)),
    "llama_model_n_layer": (c_int32, (c_void_p,)),
    "llama_model_n_embd": (c_int32, (c_void_p,)),
    "llama_model_n_head": (c_int32, (c_void_p,)),
    "llama_model_n_head_kv": (c_int32, (c_void_p,)),
    "llama_model_size": (c_uint64, (c_void_p,)),
    "llama_get_memory": (c_void_p, (c_void_p,)),
    "llama_memory_seq_rm": (c_bool, (c_void_p, c_int32, c_int32, c_int32)),
    "llama_memory_seq_cp": (None, (c_void_p, c_int32, c_int32, c_int32, c_int32)),
    "llama_batch_init": (Batch, (c_int32, c_int32, c_int32)),
    "llama_batch_free": (None, (Batch,)),
    "llama_decode": (c_int32, (c_void_p, Batch)),
    "llama_get_logits_ith": (POINTER(c_float), (c_void_p, c_int32)),
}


@cache
def library(path: Path | None = None) -> Any:
    """The native library, once a process: that of xllamacpp, or one built for this machine.

    ``path`` is a libllama.so of the same version. Raises ModelUnavailable where it is missing.
    """
    # A thread whose partner waits for a core must sleep, not spin: beside one busy program
    # on 2 cores, spinning makes 3 tokens/s out of 140. Read when OpenMP is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        native = ctypes.CDLL(str(path or _wheel()))
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(native, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError) as error:
        raise ModelUnavailable(
            f"llama.cpp is not available ({error}): install the llamacpp extra"
        ) from error
    check_layout(native)
    native.llama_log_set(_forward_log, None)
    native.llama_backend_init()
    if path is not None:
        native.ggml_backend_load_all()  # where its backends are libraries of their own
    return native


def _wheel() -> str:
    from xllamacpp import xllamacpp as extension

    file: str = extension.__file__
    return file


def check_layout(native: Any) -> None:
    """Refuse a library whose structs are not ours. Raises ModelUnavailable."""
    if not (
        has_defaults(native.llama_model_default_params(), MODEL_DEFAULTS)
        and has_defaults(native.llama_context_default_params(), CONTEXT_DEFAULTS)
    ):
        raise ModelUnavailable(
            "this version of llama.cpp has another interface than the engine was written for: "
            "take the one that the xllamacpp of constraints.txt wraps"
        )


def _log(level: int, text: bytes, _: int | None) -> None:
    if level in _LEVELS:
        logger.log(_LEVELS[level], "%s", text.decode("utf-8", "replace").rstrip())


#: Called from the library's threads, so it must outlive them.
_forward_log = _LogCallback(_log)
