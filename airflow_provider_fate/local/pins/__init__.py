"""What an installation is made of: versions that are known to work together, as requirement files (package data)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

Variant = Literal["full", "server", "llm"]
VARIANTS: tuple[Variant, ...] = ("full", "server", "llm")

#: FATE-Flow's version, as its health check reports it.
FATE_VERSION = "2.2.0"

#: Best first. fate_utils has wheels for 3.8 to 3.11, scikit-learn 1.4.1 wants 3.9.
PYTHONS = ("3.11", "3.10", "3.9")

#: What the whole of an installation takes, with room for the wheels that uv unpacks on the way (bytes).
DISK_NEEDED: dict[Variant, int] = {"full": 3 * 1024**3, "server": 600 * 1024**2, "llm": 4 * 1024**3}

#: Which of the files of this folder say what is asked for, and which replace what packages declare.
REQUIREMENTS: dict[Variant, tuple[str, ...]] = {"full": ("full",), "server": ("server",), "llm": ("full", "llm")}
OVERRIDES: dict[Variant, tuple[str, ...]] = {
    "full": ("overrides",),
    "server": ("overrides",),
    "llm": ("overrides", "llm-overrides"),
}

_HERE = Path(__file__).parent


def file(name: str) -> Path:
    """Path of one of the requirement files of this folder."""
    return _HERE / f"{name}.txt"


def has_torch(variant: Variant) -> bool:
    """Whether FATE's components are in it, and with them torch."""
    return variant != "server"


def torch_requirement() -> str:
    """Range of torch versions that FATE 2.2 is known to work with."""
    lines = [line.strip() for line in file("torch").read_text().splitlines()]
    return next(line for line in lines if line and not line.startswith("#"))


def digest(variant: Variant) -> str:
    """Identify the set of pins: an installation of other pins is another installation."""
    names = [*REQUIREMENTS[variant], "constraints", *OVERRIDES[variant], *(["torch"] if has_torch(variant) else [])]
    text = "\0".join(file(name).read_text() for name in names)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
