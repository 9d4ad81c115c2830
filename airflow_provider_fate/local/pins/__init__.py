"""What an installation is made of: versions that are known to work together, as requirement files (package data)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

Variant = Literal["full", "server"]
VARIANTS: tuple[Variant, ...] = ("full", "server")

#: FATE-Flow's version, as its health check reports it.
FATE_VERSION = "2.2.0"

#: Best first. fate_utils has wheels for 3.8 to 3.11, scikit-learn 1.4.1 wants 3.9.
PYTHONS = ("3.11", "3.10", "3.9")

#: What the whole of an installation takes, with room for the wheels that uv unpacks on the way (bytes).
DISK_NEEDED: dict[Variant, int] = {"full": 3 * 1024**3, "server": 600 * 1024**2}

_HERE = Path(__file__).parent


def file(name: str) -> Path:
    """Path of one of the requirement files of this folder."""
    return _HERE / f"{name}.txt"


def torch_requirement() -> str:
    """Range of torch versions that FATE 2.2 is known to work with."""
    lines = [line.strip() for line in file("torch").read_text().splitlines()]
    return next(line for line in lines if line and not line.startswith("#"))


def digest(variant: Variant) -> str:
    """Identify the set of pins: an installation of other pins is another installation."""
    names = [variant, "constraints", "overrides"] + (["torch"] if variant == "full" else [])
    text = "\0".join(file(name).read_text() for name in names)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
