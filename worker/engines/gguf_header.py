"""Whether a file's header says what a GGUF's may say: every length in it fits into the file.

Reads the standard library's way, without a model library, so that it may run in a child with
little memory and little time (see gguf_check.py): as a program it prints what is wrong, and
exits with 1. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import os
import struct
import sys
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
#: The smallest file with one value and one tensor.
MIN_BYTES = 64
#: More than the largest models have by far.
MOST_VALUES, MOST_TENSORS, MOST_DIMENSIONS = 10_000, 100_000, 4
MOST_KEY_BYTES, MOST_TEXT_BYTES, MOST_ITEMS = 65_535, 64 << 20, 16 << 20

#: Type of a value -> bytes; 8 is a text, 9 an array.
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9
#: Type of a tensor -> (weights of a block, its bytes), as far as they are known here.
_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    20: (32, 18),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    30: (1, 2),
    39: (32, 17),
}


class BadHeader(ValueError):
    """What is wrong with the file."""


class Header:
    """Reads a header to its end. Raises BadHeader."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = os.fstat(file.fileno()).st_size
        self._alignment = 32

    def check(self) -> None:
        """Look at everything that comes before the weights, and where these end."""
        if self._bytes < MIN_BYTES:
            raise BadHeader(f"it has {self._bytes} bytes, less than a header has")
        if self._file.read(4) != MAGIC:
            raise BadHeader("it does not begin with GGUF")
        version = self._number("<I")
        if version not in VERSIONS:
            raise BadHeader(f"it is of version {version}, not one of {VERSIONS}")
        tensors = self._count("tensors", MOST_TENSORS)
        keys: set[bytes] = set()
        for _ in range(self._count("values", MOST_VALUES)):
            keys.add(self._value(keys))
        if b"general.architecture" not in keys:
            raise BadHeader("it does not say its architecture")
        ends = [self._tensor() for _ in range(tensors)]
        if not ends:
            raise BadHeader("it has no tensors")
        begin = -(-self._file.tell() // self._alignment) * self._alignment
        if begin + max(ends) > self._bytes:
            raise BadHeader(
                f"it has {self._bytes} bytes, and its tensors end at {begin + max(ends)}: "
                "it is cut short"
            )

    def _value(self, known: set[bytes]) -> bytes:
        key = self._text(MOST_KEY_BYTES)
        if key in known:
            raise BadHeader(f"it has {key[:64]!r} twice")
        kind = self._number("<I")
        if key == b"general.alignment" and kind == 4:  # noqa: PLR2004 - an unsigned integer
            self._alignment = self._number("<I")
            if not 1 <= self._alignment <= 1 << 20 or self._alignment & (self._alignment - 1):
                raise BadHeader(f"its alignment is {self._alignment}")
            return key
        if kind == _ARRAY:
            self._array()
        else:
            self._skip(kind, 1)
        return key

    def _array(self) -> None:
        kind, items = self._number("<I"), self._number("<Q")
        if items > MOST_ITEMS:
            raise BadHeader(f"it has an array of {items} items")
        self._skip(kind, items)

    def _skip(self, kind: int, items: int) -> None:
        if kind == _TEXT:
            for _ in range(items):
                self._seek(self._length(MOST_TEXT_BYTES))
        elif kind in _SIZES:
            self._seek(items * _SIZES[kind])
        else:
            raise BadHeader(f"it has a value of the unknown type {kind}")

    def _tensor(self) -> int:
        """Where a tensor ends, counted from where the first begins."""
        name, dimensions = self._text(MOST_KEY_BYTES), self._number("<I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise BadHeader(f"its tensor {name[:64]!r} has {dimensions} dimensions")
        weights = 1
        for _ in range(dimensions):
            weights *= self._number("<Q")
        kind, offset = self._number("<I"), self._number("<Q")
        block, size = _BLOCKS.get(kind, (1, 0))
        if weights == 0 or weights % block or offset % self._alignment:
            raise BadHeader(f"its tensor {name[:64]!r} has a shape or place that cannot be")
        return offset + weights // block * size

    def _count(self, what: str, most: int) -> int:
        count = self._number("<Q")
        if count > most:
            raise BadHeader(f"it says that it has {count} {what}")
        return count

    def _length(self, most: int) -> int:
        length = self._number("<Q")
        if length > min(most, self._bytes - self._file.tell()):
            raise BadHeader(f"it has a text of {length} bytes, more than there are")
        return length

    def _text(self, most: int) -> bytes:
        return self._file.read(self._length(most))

    def _seek(self, length: int) -> None:
        if length > self._bytes - self._file.tell():
            raise BadHeader("it ends in the middle of its header")
        self._file.seek(length, os.SEEK_CUR)

    def _number(self, form: str) -> int:
        raw = self._file.read(struct.calcsize(form))
        if len(raw) < struct.calcsize(form):
            raise BadHeader("it ends in the middle of its header")
        return int(struct.unpack(form, raw)[0])


def main(path: str) -> int:
    """Check a file, with the memory and time of a small program."""
    import resource

    for limit, most in ((resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_CPU, 60)):
        resource.setrlimit(limit, (most, most))
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - fewer imports
            Header(file).check()
    except (BadHeader, OSError) as error:
        print(error)  # noqa: T201 - the parent reads it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
