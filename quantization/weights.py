"""The tensors in files of safetensors, read without torch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.artifact import ArtifactError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Weights:
    """All tensors of a checkpoint, by name; none is in memory before it is asked for."""

    def __init__(self, paths: list[Path]) -> None:
        """Read the headers. Raises ArtifactError."""
        self._place = {
            name: (path, tensor) for path in paths for name, tensor in read_header(path).items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(self._place[name][1]["shape"])

    def read(self, name: str) -> "NDArray[np.float32]":
        """A tensor in float32. Raises ArtifactError for integers: they are quantized."""
        import numpy as np

        path, tensor = self._place[name]
        kinds = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
        if tensor["dtype"] not in kinds:
            raise ArtifactError(
                f"{name} in {path} is {tensor['dtype']}: build from weights in full precision"
            )
        start, _ = tensor["data_offsets"]
        shape = tuple(tensor["shape"])
        stored = np.memmap(path, kinds[tensor["dtype"]], "r", start, shape or (1,))
        if tensor["dtype"] != "BF16":
            return np.asarray(stored, np.float32)
        return (np.asarray(stored, np.uint32) << 16).view(np.float32)


def read_header(path: Path) -> dict[str, Any]:
    """Tensor name -> {dtype, shape, data_offsets}; the offsets count from the start of the file.

    Raises ArtifactError where the file does not hold what its header promises.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            if start > size:
                raise ValueError(f"a header of {start} bytes in a file of {size}")  # noqa: TRY301
            header = json.loads(file.read(start - 8))
        header.pop("__metadata__", None)
        for tensor in header.values():
            tensor["data_offsets"] = [start + offset for offset in tensor["data_offsets"]]
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=start)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} is no safetensors file: {error}") from error
    if end != size:
        raise ArtifactError(f"{path} is cut short: it has {size} bytes, its header says {end}")
    return dict(header)
