"""Virtual environments for servers that cannot live beside Airflow: made once from pins, kept in the user's cache.

Each set of requirements has an environment of its own, named after it. It is built beside its place and renamed into
it: half of one is never used. One whose check fails (its Python was removed, a file is gone) is made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_fate.local import packages, paths, pins, processes, torch
from airflow_provider_fate.local.errors import InstallError
from airflow_provider_fate.local.progress import Progress, silent

__all__ = ["PackageEnvironment"]

_READY = "ready.json"


@dataclass(frozen=True)
class PackageEnvironment:
    """An environment with certain packages; may not exist yet.

    :param name: what it is for, such as ``"jupyterlab"``: the beginning of its folder's name.
    :param requirements: what is in it, pinned: ``"jupyterlab==4.4.9"``.
    :param without_dependencies: the same, of packages that declare more than they need; installed before the others.
    :param check: Python code that fails where something is missing: ``"import jupyterlab"``.
    :param python: version such as ``"3.11"``, or a path; default: this process' own Python.
    :param constraints: further requirement lines that bind dependencies without asking for them.
    :param torch: whether torch is in it, built for the CPU where such a build is to be had: a fifth of the size.
    """

    name: str
    requirements: tuple[str, ...]
    without_dependencies: tuple[str, ...] = ()
    check: str = ""
    python: str = ""
    constraints: tuple[str, ...] = ()
    torch: bool = False

    @property
    def root(self) -> Path:
        """Its folder: named after what is in it."""
        named = [self.requirements, self.without_dependencies, self.constraints, self.python or sys.version.split()[0]]
        wanted = json.dumps([*named, pins.torch_requirement()] if self.torch else named)
        return paths.environments_dir() / f"{self.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.root / "bin/python"

    def program(self, name: str) -> Path:
        """One of the programs that its packages bring."""
        return self.root / "bin" / name

    def ensure(self, progress: Progress = silent) -> Path:
        """Return its Python, after making the environment if it is not there or does not work.

        Safe to call from several processes at once: one builds, the others wait.

        :param progress: called with a line of text per step.
        :raises InstallError: says what is missing (uv, Python, disk, network, packages).
        """
        if self.problem() is None:
            return self.interpreter
        with self._lock(progress):
            problem = self.problem()  # somebody else may have built it meanwhile
            if problem is not None:
                if self.root.exists() and (users := processes.running_from(self.root)):
                    raise InstallError(
                        f"{self.root} is damaged ({problem}) and in use by the processes {users}",
                        hint="stop what runs from it, then run this again",
                    )
                self._build(progress)
        return self.interpreter

    def problem(self) -> str | None:
        """What is wrong with it, or None."""
        if not (self.root / _READY).is_file():
            return "it is not there"
        return self._failure(self.root)

    def _failure(self, root: Path) -> str | None:
        try:
            done = subprocess.run(
                [root / "bin/python", "-I", "-c", self.check or "pass"],
                capture_output=True, text=True, errors="replace", env={"HOME": "/nonexistent"}, check=False,
            )  # fmt: skip
        except OSError as error:
            return f"its Python does not start ({error.strerror})"
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["its check fails without a word"])[-1]
        return None

    @contextlib.contextmanager
    def _lock(self, progress: Progress) -> Iterator[None]:
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            handle = (self.root.parent / f"{self.root.name}.lock").open("a")
        except OSError as error:
            raise InstallError(
                f"cannot write to {self.root.parent}: {error.strerror}",
                hint=f"name another folder with the variable {paths.CACHE_ENV}",
            ) from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that makes the environment of {self.name}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _build(self, progress: Progress) -> None:
        begun = time.monotonic()
        uv, env = packages.find_uv(), packages.uv_environment(os.environ)
        what = f"making the environment of {self.name}"
        for leftover in self.root.parent.glob(f".{self.root.name}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        building = self.root.parent / f".{self.root.name}.{os.getpid()}"
        progress(f"{what} (once, kept in {self.root.parent})")
        try:
            # Relocatable, as its folder gets its name only when it is whole.
            venv = ["venv", "--relocatable", "--no-project", "-p", self.python or sys.executable, str(building)]
            packages.run_uv(uv, venv, env, progress=progress, what=what)
            # Compiled once, as the processes that start from it write nothing into it.
            install = ["pip", "install", "--compile-bytecode", "--python", str(building / "bin/python")]
            if self.without_dependencies:
                packages.run_uv(
                    uv, [*install, "--no-deps", *self.without_dependencies], env, progress=progress, what=what
                )
            self._install(uv, [*install, *self._constraints(building), *self.requirements], env, progress, what)
            failure = self._failure(building)
            if failure is not None:
                raise InstallError(f"the new environment of {self.name} is not usable: {failure}")
            wanted = {"requirements": self.requirements, "without_dependencies": self.without_dependencies}
            (building / _READY).write_text(json.dumps(wanted, indent=2) + "\n")
            if self.root.exists():
                self.root.rename(self.root.parent / f".{self.root.name}.old{os.getpid()}")
            building.rename(self.root)
        finally:
            for leftover in self.root.parent.glob(f".{self.root.name}.*"):
                shutil.rmtree(leftover, ignore_errors=True)
        progress(f"the environment of {self.name} is ready ({time.monotonic() - begun:.0f} s)")

    def _install(
        self, uv: str, arguments: Sequence[str], env: dict[str, str], progress: Progress, what: str
    ) -> None:  # fmt: skip
        """Install the requirements, with torch in the first way in which it is to be had."""
        if not self.torch:
            if self.requirements:
                packages.run_uv(uv, arguments, env, progress=progress, what=what)
            return
        python = self.python or f"{sys.version_info.major}.{sys.version_info.minor}"
        torch.install_with_torch(uv, arguments, env, python, progress=progress, what=what)

    def _constraints(self, building: Path) -> Sequence[str]:
        if not self.constraints:
            return ()
        file = building / "constraints.txt"
        file.write_text("\n".join(self.constraints) + "\n")
        return ("-c", str(file))
