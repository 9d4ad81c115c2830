"""Packed charts, as `helm package` makes them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path


def packed_chart(folder: Path, name: str, version: str, text: str | None = None) -> Path:
    """A chart with nothing in it but its name."""
    file = folder / f"{name}-{version}.tgz"
    said = (f"apiVersion: v1\nname: {name}\nversion: {version}\n" if text is None else text).encode()
    with tarfile.open(file, "w:gz") as archive:
        for path, content in (
            (f"{name}/values.yaml", b"{}\n"),
            (f"{name}/Chart.yaml", said),
            (f"{name}/charts/inner/Chart.yaml", b"name: inner\nversion: v0.0.1\n"),
        ):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file
