"""A packed chart: which one it is."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_fate.errors import FateInputError

__all__ = ["PackedChart"]

_LARGEST = 1 << 20
"""Bytes of a Chart.yaml that is read; they have some hundreds."""


@dataclass(frozen=True)
class PackedChart:
    """What ``Chart.yaml`` in a packed chart says.

    :param file: the ``.tgz``.
    :param name: of the chart.
    :param version: of the chart, such as ``v2.0.0``.
    """

    file: Path
    name: str
    version: str

    @classmethod
    def read(cls, file: Path) -> PackedChart:
        """Read it; nothing is unpacked.

        :raises FateInputError: it is not there, or no packed chart.
        """
        import yaml

        if not file.is_file():
            raise FateInputError(f"chart={str(file)!r} is not a file on this worker.")
        wrong = FateInputError(
            f"chart={str(file)!r} is no packed chart.", hint="Give the .tgz that `helm package` makes."
        )
        try:
            with tarfile.open(file, "r:gz") as archive:
                member = next((one for one in archive if one.name.count("/") == 1 and _is_chart(one)), None)
                stream = archive.extractfile(member) if member is not None else None
                said = yaml.safe_load(stream.read(_LARGEST)) if stream is not None else None
        except (tarfile.TarError, OSError, EOFError, yaml.YAMLError, UnicodeDecodeError):
            raise wrong from None
        if not isinstance(said, dict) or not said.get("name") or not said.get("version"):
            raise wrong
        return cls(file, str(said["name"]), str(said["version"]))


def _is_chart(member: tarfile.TarInfo) -> bool:
    return member.isfile() and member.name.endswith("/Chart.yaml") and member.size <= _LARGEST
