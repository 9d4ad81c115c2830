"""What a file of safetensors holds, read from its first bytes: names, types and shapes; no number is loaded for it.

The format is eight bytes that say how long the header is, the header as JSON, and the numbers of one tensor after the
other. What does not add up is refused, so that nothing that reads the file later can be surprised by it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateModelPackageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["TensorFacts", "TensorFile", "read_tensor_file"]

_LARGEST_HEADER = 100 << 20
_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1,
    "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_ASK = "Nothing of it was used. Export the model again, or ask who runs the FATE site."


@dataclass(frozen=True)
class TensorFacts:
    """A tensor of a file.

    :param dtype: type of its numbers as safetensors calls it: ``F32``.
    :param shape: its dimensions.
    :param start: where its numbers begin in the file.
    :param size: bytes of its numbers.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class TensorFile:
    """A file of tensors.

    :param path: where it is.
    :param tensors: by name.
    """

    path: Path
    tensors: Mapping[str, TensorFacts]

    def largest(self, name: str) -> float:
        """The largest absolute value of a tensor of floating-point numbers; ``nan`` where one is no number.

        :raises FateModelPackageError: its numbers are of another type.
        """
        import numpy as np

        numbers = self._floats(self.tensors[name], name)
        return float(np.max(np.abs(numbers))) if numbers.size else 0.0

    def _floats(self, facts: TensorFacts, name: str) -> npt.NDArray[np.float32] | npt.NDArray[np.float64]:
        import numpy as np

        if not facts.count:
            return np.zeros(0, dtype="<f4")
        types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
        if facts.dtype not in types:
            raise FateModelPackageError(
                f"{self.path.name} is refused: {name} is of type {facts.dtype}, and not of floating-point numbers.",
                member=self.path.name,
                hint=_ASK,
            )
        raw = np.memmap(self.path, dtype=types[facts.dtype], mode="r", offset=facts.start, shape=(facts.count,))
        if facts.dtype == "BF16":  # the upper half of a float of 32 bits
            return (raw.astype("<u4") << np.uint32(16)).view("<f4")
        return raw.astype("<f8" if facts.dtype == "F64" else "<f4")


def read_tensor_file(path: Path, name: str | None = None) -> TensorFile:
    """Read the header of a file of safetensors, and check that the file is what it says.

    :param path: where it is.
    :param name: what it is called in messages; default: its name.
    :raises FateModelPackageError: it is none, or damaged.
    """
    name = name or path.name
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little") if size >= 8 else 0
        if not 2 <= length <= min(size - 8, _LARGEST_HEADER):
            raise _refused(name, "it is no file of safetensors")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            raise _refused(name, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise _refused(name, "its header is no mapping")
    header.pop("__metadata__", None)
    start = 8 + length
    tensors = {str(key): _facts(name, str(key), value, start) for key, value in header.items()}
    end = start
    for key, facts in sorted(tensors.items(), key=lambda one: (one[1].start, one[1].size)):
        if facts.start != end:
            raise _refused(name, f"the numbers of {key!r} overlap others, or leave a gap")
        end += facts.size
    if end != size:
        raise _refused(name, f"it has {size:,} bytes, and its tensors take {end:,}")
    return TensorFile(path, tensors)


def _facts(file: str, name: str, given: Any, start: int) -> TensorFacts:
    described = given if isinstance(given, dict) else {}
    dtype, shape, offsets = (described.get(key) for key in ("dtype", "shape", "data_offsets"))
    if (
        not isinstance(dtype, str)
        or dtype not in _BYTES
        or not (isinstance(shape, list) and all(type(one) is int and one >= 0 for one in shape))
        or not (isinstance(offsets, list) and len(offsets) == 2 and all(type(one) is int for one in offsets))
    ):
        raise _refused(file, f"what it says of {name!r} cannot be read")
    facts = TensorFacts(dtype, tuple(shape), start + offsets[0], offsets[1] - offsets[0])
    if offsets[0] < 0 or facts.size != facts.count * _BYTES[dtype]:
        raise _refused(file, f"{name!r} has not as many numbers as its shape says")
    return facts


def _refused(name: str, why: str) -> FateModelPackageError:
    return FateModelPackageError(f"{name} is refused: {why}.", member=name, hint=_ASK)
