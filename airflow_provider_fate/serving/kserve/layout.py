"""ONNX on object storage, in the folders that model servers look for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airflow_provider_fate.storage.folder import StoredFolder

__all__ = ["lay_out"]


def lay_out(
    file: Path, sha256: str, store: str, layout: Literal["triton", "openvino"], service: str, version: str
) -> str:
    """Write a model where a server finds it; one that is there already stays.

    :param sha256: of the file; it stands in the path, so that no folder ever changes what it holds.
    :returns: the folder that the server loads.
    """
    folder = f"{store.rstrip('/')}/{service}/{version}-{sha256[:16]}"
    inside = f"{service}/{version}" if layout == "triton" else version
    stored = StoredFolder(f"{folder}/{inside}")
    # Its name in the folder tells what it is; a file that was cut off has another size.
    if stored.size("model.onnx") != file.stat().st_size:
        stored.write("model.onnx", file)
    return folder
