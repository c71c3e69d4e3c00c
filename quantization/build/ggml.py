"""llama.cpp's own quantization kernels, one tensor at a time.

The xllamacpp wheel exports them (``ggml_quantize_chunk``), but not ``llama_model_quantize``,
the loop over a file around them: that is ``gguf.py`` here.
"""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from common.artifact import ArtifactError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGMLQuantizationType
    from numpy.typing import NDArray

#: Rows are quantized independently, in pieces of about so many numbers.
_PIECE = 1 << 20


class Quantizer:
    """Quantizes tensors on ``threads`` threads."""

    def __init__(self, threads: int) -> None:
        """Raises ArtifactError where llama.cpp is not installed."""
        self._quantize = _load()
        self._threads = threads

    def quantize(
        self, tensor: "NDArray[np.float32]", kind: "GGMLQuantizationType"
    ) -> "NDArray[np.uint8]":
        """``tensor`` [rows, columns] as blocks [rows, bytes of a row]."""
        import numpy as np
        from gguf.constants import GGML_QUANT_SIZES

        tensor = np.ascontiguousarray(tensor, np.float32)
        rows, columns = tensor.shape
        weights_in_block, bytes_of_block = GGML_QUANT_SIZES[kind]
        blocks = np.empty((rows, columns // weights_in_block * bytes_of_block), np.uint8)
        height = max(1, _PIECE // columns)

        def work(top: int) -> None:
            piece = tensor[top : top + height]
            self._quantize(
                int(kind), piece.ctypes.data, blocks[top:].ctypes.data, 0, *piece.shape, None
            )

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, range(0, rows, height)))
        return blocks


def _load() -> Any:
    try:
        from xllamacpp import xllamacpp as extension

        function = ctypes.CDLL(extension.__file__).ggml_quantize_chunk
    except (ImportError, OSError, AttributeError) as error:
        raise ArtifactError(
            f"GGUF recipes need llama.cpp's kernels ({error}): install the llamacpp extra"
        ) from error
    size, pointer = ctypes.c_int64, ctypes.c_void_p
    function.restype = ctypes.c_size_t
    function.argtypes = (ctypes.c_int, pointer, pointer, size, size, size, pointer)
    return function
