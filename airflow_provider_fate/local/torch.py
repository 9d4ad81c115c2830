"""Which torch to install: the CPU build, from wherever the user's configuration has it.

The CPU build is a fifth of the size of the default Linux wheels (which carry CUDA), and FATE's algorithms here run on
the CPU. No index is named: wheels in the user's own find-links come first, then uv's knowledge of PyTorch's CPU
builds, then whatever the index gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from airflow_provider_fate.local import packages, pins
from airflow_provider_fate.local.errors import InstallError
from airflow_provider_fate.local.packages import find_links
from airflow_provider_fate.local.progress import Progress

_CPU_WHEEL = re.compile(r"torch-(?P<version>\d+\.\d+(?:\.\d+)?)\+cpu-(?P<python>cp\d+)-")


@dataclass(frozen=True)
class TorchChoice:
    """One way to get torch: a requirement, more arguments for uv, and what to tell the user."""

    requirement: str
    arguments: tuple[str, ...]
    note: str


def choices(env: Mapping[str, str], python: str) -> list[TorchChoice]:
    """All ways to try, best first.

    :param env: uv's environment.
    :param python: ``"3.11"``.
    """
    wanted = pins.torch_requirement()
    ways = [
        TorchChoice(f"torch=={version}+cpu", (), f"torch {version} (CPU) from the configured find-links")
        for version in _local_cpu_versions(env, python)
    ]
    ways.append(TorchChoice(wanted, ("--torch-backend", "cpu"), "torch for CPU, as uv finds it"))
    ways.append(
        TorchChoice(wanted, (), "torch as the package index has it (on Linux this may be the GPU build: several GB)")
    )
    return ways


def install_with_torch(
    uv: str, arguments: Sequence[str], env: Mapping[str, str], python: str, *, progress: Progress, what: str
) -> None:
    """Run uv with torch added to what it installs, in the first way in which torch is to be had.

    :param arguments: of uv, without torch.
    :param python: version of the environment's Python, such as ``"3.11"``.
    :raises InstallError: torch is to be had in none of them, or something else is missing.
    """
    ways = choices(env, python)
    for way in ways:
        progress(f"{what} with {way.note}")
        try:
            packages.run_uv(uv, [*arguments, *way.arguments, way.requirement], env, progress=progress, what=what)
        except InstallError:
            if way is ways[-1]:
                raise
            progress(f"{way.note}: not to be had here, trying the next way")
        else:
            return


def _local_cpu_versions(env: Mapping[str, str], python: str) -> list[str]:
    tag = "cp" + python.replace(".", "")
    versions: set[tuple[int, ...]] = set()
    for link in find_links(env):
        folder = Path(unquote(urlparse(link).path)) if link.startswith("file:") else Path(link)
        if "://" in link and not link.startswith("file:"):
            continue
        for wheel in folder.glob("torch-*+cpu-*.whl") if folder.is_dir() else ():
            match = _CPU_WHEEL.match(wheel.name)
            if match and match["python"] == tag:
                versions.add(tuple(int(part) for part in match["version"].split(".")))
    return [".".join(map(str, version)) for version in sorted(versions, reverse=True) if _in_range(version)]


def _in_range(version: tuple[int, ...]) -> bool:
    bounds = re.findall(r"(>=|<)([\d.]+)", pins.torch_requirement())
    for sign, text in bounds:
        bound = tuple(int(part) for part in text.split("."))
        if (sign == ">=" and version < bound) or (sign == "<" and version >= bound):
            return False
    return True
