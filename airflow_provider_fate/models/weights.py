"""Weights of a network, read from torch's file as data.

``torch.save`` writes a zip: a pickle that says which tensor is a view of which block of numbers, and the blocks. torch
itself is hundreds of megabytes, and loading a pickle runs what it names. So the pickle is never loaded: its
instructions are read one by one, and those that are not needed to describe tensors end the reading.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_fate.errors import FateModelPackageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["read_tensors", "read_weights"]

_LARGEST_PICKLE = 64 << 20
_TYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "?",
}
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_MAPPING = "collections.OrderedDict"


@dataclass(frozen=True)
class _Name:
    """What a pickle would look up; here no more than its name."""

    name: str


@dataclass(frozen=True)
class _Block:
    """Numbers that lie beside the pickle."""

    key: str
    dtype: str


@dataclass(frozen=True)
class _Tensor:
    block: _Block
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_weights(file: BinaryIO, what: str) -> dict[str, npt.NDArray[np.float64]]:
    """Read tensors by name, as numbers of 64 bits.

    :param file: what torch (1.6 or later) has saved.
    :param what: what it is called in messages.
    :raises FateModelPackageError: it holds anything but tensors by name, or is damaged.
    """
    import numpy as np

    return {name: tensor.astype(np.float64) for name, tensor in read_tensors(file, what).items()}


def read_tensors(file: BinaryIO, what: str) -> dict[str, npt.NDArray[Any]]:
    """Read tensors by name, of the types that they have; bfloat16, which numpy has not, becomes float32.

    :param file: what torch (1.6 or later) has saved.
    :param what: what it is called in messages.
    :raises FateModelPackageError: it holds anything but tensors by name, or is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(pickles) != 1 or archive.getinfo(pickles[0]).file_size > _LARGEST_PICKLE:
                raise _Unknown("it is not one file of tensors")
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise _Unknown("it is compressed, which torch does not do")  # and which leaves no room for a bomb
            tensors = _tensors(archive.read(pickles[0]))
            folder = pickles[0].removesuffix("data.pkl")
            return {name: _numbers(archive, folder, tensor) for name, tensor in tensors.items()}
    except (_Unknown, zipfile.BadZipFile, KeyError, IndexError, TypeError, ValueError, NotImplementedError) as error:
        raise FateModelPackageError(
            f"The weights {what} cannot be read: {error}.",
            hint="Weights as FATE 2.2 saves them, tensors by name in one file, can.",
        ) from None


class _Unknown(Exception):
    """Something that weights do not need."""


# --- the pickle -------------------------------------------------------------------------------------------------------


def _tensors(pickled: bytes) -> dict[str, _Tensor]:
    found = _Reader().read(pickled)
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in found.items()
    ):
        raise _Unknown("it holds something else than tensors by name")
    return found


_MARK = object()


class _Reader:
    """What the instructions of a pickle put together, for the few that describe tensors."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self, pickled: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name == "STOP":
                return self._stack.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise _Unknown(f"it has the instruction {opcode.name}")
            step(self, argument)
        raise _Unknown("it ends too early")

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def nothing(self, _: Any) -> None:
        """Do nothing."""

    def mark(self, _: Any) -> None:
        self.push(_MARK)

    def since_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def take(self, count: int) -> tuple[Any, ...]:
        taken = [self._stack.pop() for _ in range(count)]
        return tuple(taken[::-1])

    def put(self, key: int) -> None:
        self._memo[key] = self._stack[-1]

    def get(self, key: int) -> None:
        self.push(self._memo[key])

    def name(self, argument: str) -> None:
        self.push(_Name(str(argument).replace(" ", ".")))

    def block(self, _: Any) -> None:
        kind, storage, key, *_rest = self._stack.pop()
        if kind != "storage" or not isinstance(storage, _Name) or storage.name not in _TYPES:
            raise _Unknown(f"it has numbers of an unknown kind ({storage})")
        self.push(_Block(str(key), _TYPES[storage.name]))

    def reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        name = function.name if isinstance(function, _Name) else repr(function)
        if name == _MAPPING and not arguments:
            self.push({})
        elif name == _TENSOR:
            block, offset, shape, strides, *_rest = arguments
            if not isinstance(block, _Block):
                raise _Unknown("a tensor has no numbers")
            self.push(_Tensor(block, int(offset), tuple(map(int, shape)), tuple(map(int, strides))))
        elif name == _PARAMETER:
            self.push(arguments[0])
        else:
            raise _Unknown(f"it would call {name}")

    def set_items(self, _: Any) -> None:
        values = self.since_mark()
        self._stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def set_item(self, _: Any) -> None:
        key, value = self.take(2)
        self._stack[-1][key] = value

    def attributes(self, _: Any) -> None:
        # torch hangs the versions of its modules on the mapping, which say nothing of the tensors.
        self._stack.pop()


_STEPS: Mapping[str, Callable[[_Reader, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _Reader.nothing),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT"), _Reader.push
    ),
    "NEWTRUE": lambda reader, _: reader.push(True),
    "NEWFALSE": lambda reader, _: reader.push(False),
    "NONE": lambda reader, _: reader.push(None),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "EMPTY_TUPLE": lambda reader, _: reader.push(()),
    "MARK": _Reader.mark,
    "TUPLE": lambda reader, _: reader.push(tuple(reader.since_mark())),
    "TUPLE1": lambda reader, _: reader.push(reader.take(1)),
    "TUPLE2": lambda reader, _: reader.push(reader.take(2)),
    "TUPLE3": lambda reader, _: reader.push(reader.take(3)),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Reader.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Reader.get),
    "GLOBAL": _Reader.name,
    "BINPERSID": _Reader.block,
    "REDUCE": _Reader.reduce,
    "SETITEM": _Reader.set_item,
    "SETITEMS": _Reader.set_items,
    "BUILD": _Reader.attributes,
}


# --- the numbers ------------------------------------------------------------------------------------------------------


def _numbers(archive: zipfile.ZipFile, folder: str, tensor: _Tensor) -> npt.NDArray[Any]:
    import numpy as np

    raw = archive.read(f"{folder}data/{tensor.block.key}")
    if tensor.block.dtype == "bfloat16":
        # The upper half of a float32.
        values: npt.NDArray[Any] = (np.frombuffer(raw, dtype="<u2").astype("<u4") << 16).view("<f4")
    else:
        values = np.frombuffer(raw, dtype=tensor.block.dtype)
    return _view(values, tensor.offset, tensor.shape, tensor.strides)


def _view(values: npt.NDArray[Any], offset: int, shape: Sequence[int], strides: Sequence[int]) -> npt.NDArray[Any]:
    import numpy as np

    if min((offset, *shape, *strides), default=0) < 0 or len(shape) != len(strides):
        raise _Unknown("a tensor has an impossible shape")
    if math.prod(shape) > len(values):
        raise _Unknown("a tensor is larger than its numbers")  # or repeats them, without end where somebody wants that
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= len(values):
        raise _Unknown("a tensor is larger than its numbers")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], tuple(shape), steps).copy()
