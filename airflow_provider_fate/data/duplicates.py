"""Finds equal ids among many millions, in 8 bytes of memory for each."""

from __future__ import annotations

from array import array

import numpy as np
import pyarrow as pa

__all__ = ["SeenIds"]

_PIECE = 500_000
"""So many ids are sorted at a time."""


class SeenIds:
    """Remembers a hash of each id, in the order of the rows.

    Two different ids of ten million have the same hash of 64 bits with a probability of one in 370,000: that is
    taken for impossible, since the rows are not there any more to be compared.
    """

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, ids: pa.Array) -> None:
        """Remember the ids of the next rows."""
        self._hashes.extend(map(hash, ids.to_pylist()))

    def first_twice(self) -> tuple[int, int] | None:
        """Rows of the first id that occurs again, counted from 1; ``None`` if all are different."""
        hashes = np.frombuffer(self._hashes, np.int64)
        pieces = 1 << (len(hashes) // _PIECE).bit_length()
        suspects: set[int] = set()
        for piece in range(pieces):
            # Slice by slice: what is computed on the way would be as large as all hashes.
            slices = (hashes[begin : begin + _PIECE] for begin in range(0, len(hashes), _PIECE))
            part = np.concatenate([np.empty(0, np.int64), *(some[some & (pieces - 1) == piece] for some in slices)])
            part.sort()
            suspects.update(part[1:][part[1:] == part[:-1]].tolist())
        if not suspects:
            return None
        first: dict[int, int] = {}
        for row, digest in enumerate(self._hashes, start=1):
            if digest in suspects and first.setdefault(digest, row) != row:
                return first[digest], row
        raise AssertionError("an id that occurs twice occurs once")
