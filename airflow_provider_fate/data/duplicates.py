"""Finds equal ids among many millions, in memory that does not grow with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing
import pyarrow as pa

__all__ = ["SeenIds", "hashes"]

_PIECE = 250_000
"""About so many hashes are sorted at a time."""
_MOST_PASSES = 64
"""All hashes are read so often at most: pieces of more than 16 million grow instead."""
_READ = 64 * 1024
"""So many hashes are read at a time."""
_IN_MEMORY = 2 * 1024 * 1024
"""Bytes of hashes that are kept in memory, those of 262,144 ids; more go into a file."""
_BYTES_KEPT = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
Hashes = np.typing.NDArray[np.uint64]


class SeenIds:
    """Remembers a hash of each id, in the order of the rows.

    Two different ids of ten million have the same hash of 64 bits with a probability of one in 370,000: that is
    taken for impossible, since the rows are not there any more to be compared.

    The hashes of more than some 260,000 ids lie in a file without a name in the folder for temporary files, which is
    gone with the process, however that ends.
    """

    def __init__(self) -> None:
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="fate-ids-")  # noqa: SIM115 -- closed in close()

    def add(self, ids: pa.Array) -> None:
        """Remember the ids of the next rows.

        :raises OSError: there is no room for the hashes.
        """
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(hashes(ids).tobytes())
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: hashes of {self._count + len(ids):,} ids, 8 bytes each, find no room in the folder "
                "for temporary files. Make room there, or name another folder in the worker's TMPDIR",
                tempfile.gettempdir(),
            ) from None
        self._count += len(ids)

    def close(self) -> None:
        """Forget them all."""
        self._file.close()

    def first_twice(self) -> tuple[int, int] | None:
        """Rows of the first id that occurs again, counted from 1; ``None`` if all are different."""
        passes = min(1 << (self._count // _PIECE).bit_length(), _MOST_PASSES)
        suspects = [np.empty(0, np.uint64)]
        for which in range(passes):
            # Piece by piece: what is computed on the way would be as large as all hashes.
            parts = (some[some & (passes - 1) == which] for some in self._pieces())
            part = np.concatenate([np.empty(0, np.uint64), *parts])
            part.sort()
            suspects.append(np.unique(part[1:][part[1:] == part[:-1]]))
        twice = np.concatenate(suspects)
        if not len(twice):
            return None
        first: dict[int, int] = {}
        before = 0
        for some in self._pieces():
            for place in np.flatnonzero(np.isin(some, twice)).tolist():
                row = before + place + 1
                if (earlier := first.setdefault(int(some[place]), row)) != row:
                    return earlier, row
            before += len(some)
        raise AssertionError("an id that occurs twice occurs once")

    def _pieces(self) -> Iterator[Hashes]:
        self._file.seek(0)
        while piece := self._file.read(_READ * 8):
            yield np.frombuffer(piece, np.uint64)


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
