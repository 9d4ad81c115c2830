"""Which files of a model would run code when they are loaded. They are looked at, and never loaded.

FATE's neural networks are stored as ``torch.save`` does: a pickle that says how tensors are put together, beside their
numbers. Such a pickle may name any function of Python, which an unguarded load calls. Those that hold nothing but
weights name a handful of functions, so the names tell the two apart.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path
from typing import BinaryIO

__all__ = ["foreign_names"]

_WEIGHTS = frozenset(
    {
        "collections.OrderedDict",
        "torch.Size",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor_v2",
        "torch.storage.UntypedStorage",
        *(
            f"torch.{kind}Storage"
            for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
        ),
    }
)
"""What a pickle of weights names; of what ``torch.load(weights_only=True)`` allows, what FATE's models need."""
_ALWAYS = (".dill", ".joblib", ".p", ".pickle", ".pkl")
"""Endings of files that are pickles and never weights."""
_MAYBE = (".bin", ".ckpt", ".pt", ".pth")
"""Endings of files that torch reads, of any protocol of pickle."""
_PICKLES = 5
"""So many pickles follow each other in torch's old format, before the numbers."""
_LARGEST = 256 << 20
"""Bytes of a pickle within a file of torch; numbers stand beside it, not in it."""


def foreign_names(path: Path, name: str) -> frozenset[str]:
    """Names in a file that loading it would call, and that weights do not need; none for a file that is no pickle.

    :param path: where it is.
    :param name: what it is called in the model.
    """
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == b"PK\x03\x04":
            found = _in_zip(file)
        elif start[:1] == b"\x80" or name.endswith(_MAYBE):
            found = _in_pickles(file)
        else:
            found = set()
    if name.endswith(_ALWAYS):
        found.add(f"a file ending in .{name.rpartition('.')[2]}")
    return frozenset(found - _WEIGHTS)


def _in_zip(file: BinaryIO) -> set[str]:
    found: set[str] = set()
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".pkl"):
                    continue
                if member.file_size > _LARGEST:
                    found.add(f"a pickle of {member.file_size:,} bytes")
                    continue
                with archive.open(member) as pickled:
                    found |= _in_pickles(io.BytesIO(pickled.read(_LARGEST)))
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError) as error:
        found.add(f"a zip that cannot be read ({error})")
    return found


def _in_pickles(file: BinaryIO) -> set[str]:
    """Names in pickles that follow each other, up to where they can be read: a load would get no further."""
    found: set[str] = set()
    for _ in range(_PICKLES):
        try:
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name in ("GLOBAL", "INST"):
                    found.add(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL" or opcode.name.startswith("EXT"):
                    found.add("a name that is put together while it is loaded")  # torch writes none
        except Exception:
            break
    return found
