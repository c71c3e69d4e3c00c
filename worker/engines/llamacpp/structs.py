"""llama.cpp's structs, as include/llama.h has them in the xllamacpp of constraints.txt.

Neighbouring fields that the engine leaves alone are one array.
"""

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, Structure, c_bool, c_float, c_int, c_int8, c_int32, c_uint32, c_void_p
from typing import Any

LOAD_ALL, LOAD_MMAP, LOAD_MLOCK, LOAD_MMAP_MLOCK = 0, 1, 2, 3
TYPE_F32, TYPE_F16 = 0, 1


class ModelParams(Structure):
    """struct llama_model_params."""

    _fields_ = [
        ("devices", c_void_p),
        ("tensor_buft_overrides", c_void_p),
        ("n_gpu_layers", c_int32),
        ("split_mode", c_int),
        ("load_mode", c_int),
        ("lazy_mode", c_int),
        ("main_gpu", c_int32),
        ("tensor_split", c_void_p),
        ("callbacks", c_void_p * 2),
        ("kv_overrides", c_void_p),
        ("flags", c_bool * 6),
    ]


class ContextParams(Structure):
    """struct llama_context_params."""

    _fields_ = [
        ("n_ctx", c_uint32),
        ("n_batch", c_uint32),
        ("n_ubatch", c_uint32),
        ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32),
        ("n_outputs_max", c_uint32),
        ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32),
        ("n_threads_batch", c_int32),
        ("types", c_int * 5),
        ("rope", c_float * 6),
        ("yarn_orig_ctx", c_uint32),
        ("defrag_thold", c_float),
        ("eval_callback", c_void_p * 2),
        ("type_k", c_int),
        ("type_v", c_int),
        ("callbacks", c_void_p * 3),
        ("flags", c_bool * 6),
        ("samplers", c_void_p * 3),
    ]


class Batch(Structure):
    """struct llama_batch."""

    _fields_ = [
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", c_void_p),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    ]


MODEL_DEFAULTS: Mapping[str, Any] = {
    "n_gpu_layers": -1,
    "split_mode": 1,
    "load_mode": -1,
    "lazy_mode": 1,
    "main_gpu": 0,
    "flags": [False, False, True, False, False, False],
}

CONTEXT_DEFAULTS: Mapping[str, Any] = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "n_outputs_max_per_seq": 1,
    "n_threads": 4,
    "n_threads_batch": 4,
    "types": [0, -1, -1, -1, -1],
    "rope": [0.0, 0.0, -1.0, -1.0, -1.0, -1.0],
    "defrag_thold": -1.0,
    "type_k": TYPE_F16,
    "type_v": TYPE_F16,
    "flags": [False, True, True, True, True, False],
}


def has_defaults(params: Structure, defaults: Mapping[str, Any]) -> bool:
    """Whether the fields hold what llama.cpp fills in: if not, they are not where we think."""
    return all(_value(params, name) == value for name, value in defaults.items())


def _value(params: Structure, name: str) -> Any:
    value = getattr(params, name)
    return list(value) if isinstance(value, ctypes.Array) else value
