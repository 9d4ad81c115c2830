"""Finds equal ids among many millions, in 8 bytes of memory for each."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing
import pyarrow as pa

__all__ = ["SeenIds", "hashes"]

_PIECE = 500_000
"""So many ids are sorted at a time."""
_BYTES_KEPT = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
Hashes = np.typing.NDArray[np.uint64]


class SeenIds:
    """Remembers a hash of each id, in the order of the rows.

    Two different ids of ten million have the same hash of 64 bits with a probability of one in 370,000: that is
    taken for impossible, since the rows are not there any more to be compared.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, ids: pa.Array) -> None:
        """Remember the ids of the next rows."""
        self._hashes.frombytes(hashes(ids).tobytes())

    def first_twice(self) -> tuple[int, int] | None:
        """Rows of the first id that occurs again, counted from 1; ``None`` if all are different."""
        known = np.frombuffer(self._hashes, np.uint64)
        pieces = 1 << (len(known) // _PIECE).bit_length()
        suspects: set[int] = set()
        for piece in range(pieces):
            # Slice by slice: what is computed on the way would be as large as all hashes.
            slices = (known[begin : begin + _PIECE] for begin in range(0, len(known), _PIECE))
            part = np.concatenate([np.empty(0, np.uint64), *(some[some & (pieces - 1) == piece] for some in slices)])
            part.sort()
            suspects.update(part[1:][part[1:] == part[:-1]].tolist())
        if not suspects:
            return None
        first: dict[int, int] = {}
        for row, digest in enumerate(self._hashes, start=1):
            if digest in suspects and first.setdefault(digest, row) != row:
                return first[digest], row
        raise AssertionError("an id that occurs twice occurs once")


def hashes(ids: pa.Array) -> Hashes:
    """64 bits of each text; for all of them at once, 8 bytes of each at a time."""
    _, offsets, data = ids.buffers()
    edges = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    lengths, begins = np.diff(edges), edges[:-1] - edges[0]
    # The texts, and behind them so much that 8 bytes can be read from anywhere.
    text = np.zeros(edges[-1] - edges[0] + 8, np.uint8)
    if len(text) > 8:
        text[:-8] = np.frombuffer(data, np.uint8)[edges[0] : edges[-1]]
    words: Hashes = np.ndarray(len(text) - 7, np.dtype("<u8"), text.data, strides=(1,))
    found = _mixed(lengths.astype(np.uint64))
    for begin in range(0, int(lengths.max(initial=0)), 8):
        left = lengths - begin
        word = words[np.minimum(begins + begin, len(words) - 1)] & _BYTES_KEPT[np.clip(left, 0, 8)]
        found = np.where(left > 0, _mixed(found ^ word), found)
    return found


def _mixed(numbers: Hashes) -> Hashes:
    """The last step of the generator SplitMix64: each bit depends on all others, and no two numbers become one."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
