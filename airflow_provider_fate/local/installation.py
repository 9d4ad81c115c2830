"""FATE's own virtual environment: made once, shared by every instance, checked and repaired.

It is built beside its place and renamed into it, with a marker that holds a checksum of what was installed: a build
that was cut short, or an environment that somebody changed, is noticed and made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_fate.local import packages, paths, pins, processes, torch
from airflow_provider_fate.local.errors import InstallError
from airflow_provider_fate.local.progress import Progress, silent

_PAYLOAD = Path(__file__).parent / "payload"
_MARKER = "installation.json"
#: Without it the server would not know its instance, and write into the installation.
_START_UP = "fate_local.pth"
#: What breaks first when an environment is damaged: compiled parts are imported, big packages only looked for, so
#: that the check costs a fraction of a second at every start.
_PROBE = """
from importlib.util import find_spec
import fate_flow.settings, lmdb, mmh3, google.protobuf, pydantic, ruamel.yaml
missing = [n for n in {packages} if find_spec(n) is None]
if missing: raise ImportError("missing: " + ", ".join(missing))
"""
_FLOW = ("grpc._cython.cygrpc", "flask", "peewee", "casbin", "requests")
_FATE = ("fate_utils", "fate.arch", "torch", "numpy", "pandas", "sklearn", "transformers", "accelerate")
_LLM = ("fate_llm", "peft", "datasets", "pyarrow", "sentencepiece")
_PACKAGES: dict[pins.Variant, tuple[str, ...]] = {
    "server": _FLOW,
    "full": (*_FLOW, *_FATE),
    "llm": (*_FLOW, *_FATE, *_LLM),
}
#: FATE's own packages, which are compiled at once: all workers of a first job would otherwise do it side by side.
_COMPILED: dict[pins.Variant, tuple[str, ...]] = {
    "server": ("fate_flow",),
    "full": ("fate_flow", "fate"),
    "llm": ("fate_flow", "fate", "fate_llm"),
}


@dataclass(frozen=True)
class Installation:
    """An environment with FATE in it; may not exist yet.

    :param variant: ``"full"`` with all components, ``"llm"`` with FATE-LLM beside them, or ``"server"`` (FATE-Flow
        alone, without torch).
    :param python: Python version, as ``"3.11"``.
    :param root: its folder.
    """

    variant: pins.Variant
    python: str
    root: Path

    @classmethod
    def locate(cls, variant: pins.Variant, base: Path | None = None) -> Installation:
        """The installation for the current pins: one that is there, else the one that ``ensure`` would make."""
        base = base or paths.installations_dir()
        digest = pins.digest(variant)
        for python in pins.PYTHONS:
            root = base / f"{variant}-py{python}-{digest}"
            if (root / _MARKER).exists():
                return cls(variant, python, root)
        python = os.environ.get("FATE_LOCAL_PYTHON", pins.PYTHONS[0])
        return cls(variant, python, base / f"{variant}-py{python}-{digest}")

    @property
    def interpreter(self) -> Path:
        """The environment's Python."""
        return self.root / "venv/bin/python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return self.root / f"venv/lib/python{self.python}/site-packages"

    @property
    def server_script(self) -> Path:
        """FATE-Flow's server, as a script."""
        return self.site_packages / "fate_flow/fate_flow_server.py"

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(f.stat().st_size for f in self.root.rglob("*") if f.is_file() and not f.is_symlink())

    # -- checks ---------------------------------------------------------------------------------------------------

    def problem(self, *, thorough: bool = False) -> str | None:
        """What is wrong with it, or None.

        :param thorough: look at every installed file's size, too (a second or so; else only marker and imports).
        """
        try:
            marker = json.loads((self.root / _MARKER).read_text())
        except FileNotFoundError:
            return "it is not there" if not self.root.exists() else "its installation was not finished"
        except (OSError, ValueError) as error:
            return f"its marker cannot be read ({error})"
        if not isinstance(marker, dict) or marker.get("records") != self._records():
            return "packages in it were changed after it was made"
        if not self.interpreter.exists():
            return "its Python is gone"
        start_up = self.site_packages / _START_UP
        if not start_up.exists() or start_up.read_bytes() != (_PAYLOAD / _START_UP).read_bytes():
            return "its start-up file is missing or has changed"
        if thorough:
            damaged = self._damaged_file()
            if damaged:
                return f"{damaged} is missing or has changed"
        probe = subprocess.run(
            [self.interpreter, "-c", _PROBE.format(packages=_PACKAGES[self.variant])],
            capture_output=True,
            text=True,
            errors="replace",
            env={},
        )
        if probe.returncode:
            said = probe.stderr.strip().splitlines() or ["no reason given"]
            return f"it does not work: {said[-1]}"
        return None

    def _records(self) -> str:
        digest = hashlib.sha256()
        for record in sorted(self.site_packages.glob("*.dist-info/RECORD")):
            digest.update(record.parent.name.encode() + b"\0" + record.read_bytes())
        return digest.hexdigest()

    def _damaged_file(self) -> str | None:
        for record in self.site_packages.glob("*.dist-info/RECORD"):
            for line in record.read_text(errors="replace").splitlines():
                name, _, rest = line.rpartition(",")
                name, _, _ = name.rpartition(",")
                if not rest.isdigit() or name.startswith(("..", "/", '"')) or name.endswith(".pyc"):
                    continue
                try:
                    if (self.site_packages / name).stat().st_size != int(rest):
                        return name
                except OSError:
                    return name
        return None

    # -- making ---------------------------------------------------------------------------------------------------

    def ensure(self, progress: Progress = silent, *, thorough: bool = False) -> Installation:
        """Return a working installation: this one if it is well, else a new one.

        Safe to call from several processes at once: one builds, the others wait.

        :raises InstallError: says what is missing (uv, Python, disk, network, packages).
        """
        if self.problem(thorough=thorough) is None:
            return self
        base = self.root.parent
        base.mkdir(parents=True, exist_ok=True)
        with self._lock(progress):
            problem = self.problem(thorough=thorough)  # somebody else may have built it meanwhile
            if problem is None:
                return self
            if self.root.exists():
                progress(f"the FATE installation has to be made again: {problem}")
                users = processes.running_from(self.root)
                if users:
                    raise InstallError(
                        f"{self.root} is damaged ({problem}) and in use by the processes {users}",
                        hint="stop the instances that run from it (fate-local stop), then run this again",
                    )
            return self._build(progress)

    @contextlib.contextmanager
    def _lock(self, progress: Progress) -> Iterator[None]:
        path = self.root.parent / f"{self.root.name}.lock"
        with path.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("waiting for another process that is installing FATE")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _build(self, progress: Progress) -> Installation:
        base = self.root.parent
        for leftover in [*base.glob(f".{self.root.name}.*")]:
            shutil.rmtree(leftover, ignore_errors=True)
        free = shutil.disk_usage(base).free
        if free < pins.DISK_NEEDED[self.variant]:
            raise InstallError(
                f"{base} has {free / 1e9:.1f} GB free; "
                f"installing FATE needs {pins.DISK_NEEDED[self.variant] / 1e9:.1f}",
                hint=f"free some space, or put it elsewhere with the variable {paths.CACHE_ENV}",
            )
        begun = time.monotonic()
        uv, env = packages.find_uv(), packages.uv_environment(os.environ)
        built = Installation(self.variant, self.python, base / f".{self.root.name}.{os.getpid()}")
        try:
            python = built._make_environment(uv, env, progress)
            built = Installation(self.variant, python, built.root)
            built._install(uv, env, progress)
            shutil.copy(_PAYLOAD / _START_UP, built.site_packages / _START_UP)
            progress("compiling and checking what was installed")
            subprocess.run(
                [built.interpreter, "-m", "compileall", "-q", "-j", "0",
                 *(built.site_packages / package for package in _COMPILED[self.variant])],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            marker = {"variant": self.variant, "python": python, "pins": pins.digest(self.variant),
                      "records": built._records()}  # fmt: skip
            (built.root / _MARKER).write_text(json.dumps(marker, indent=2))
            problem = built.problem()
            if problem:
                raise InstallError(f"the new FATE installation is not usable: {problem}")
            final = Installation(self.variant, python, base / f"{self.variant}-py{python}-{pins.digest(self.variant)}")
            if final.root.exists():
                final.root.rename(base / f".{final.root.name}.old{os.getpid()}")
            built.root.rename(final.root)
        finally:
            for leftover in base.glob(f".{self.root.name}.*"):
                shutil.rmtree(leftover, ignore_errors=True)
        progress(f"FATE installed in {time.monotonic() - begun:.0f} s: {final.root}")
        return final

    def _make_environment(self, uv: str, env: dict[str, str], progress: Progress) -> str:
        wanted = [self.python] if "FATE_LOCAL_PYTHON" in os.environ else list(pins.PYTHONS)
        failures: list[str] = []
        for python in wanted:
            progress(f"making an environment with Python {python}")
            try:
                packages.run_uv(
                    uv, ["venv", "--relocatable", "--no-project", "-p", python, str(self.root / "venv")], env,
                    progress=progress, what=f"making an environment with Python {python}",
                )  # fmt: skip
            except InstallError as error:
                failures.append(error.message.splitlines()[-1].strip())
                shutil.rmtree(self.root, ignore_errors=True)
            else:
                return python
        raise InstallError(
            f"FATE 2.2 needs Python {' or '.join(wanted)}; none is here and uv could not fetch one\n  "
            + "\n  ".join(dict.fromkeys(failures)),
            hint="install one (any way you like: it is found on PATH), or let uv reach the network",
        )

    def _install(self, uv: str, env: dict[str, str], progress: Progress) -> None:
        common = [
            "pip", "install", "--link-mode", "copy", "-p", str(self.interpreter), "-c", str(pins.file("constraints")),
            *(part for name in pins.OVERRIDES[self.variant] for part in ("--override", str(pins.file(name)))),
            *(part for name in pins.REQUIREMENTS[self.variant] for part in ("-r", str(pins.file(name)))),
        ]  # fmt: skip
        if not pins.has_torch(self.variant):
            packages.run_uv(uv, common, env, progress=progress, what="installing FATE-Flow")
            return
        torch.install_with_torch(uv, common, env, self.python, progress=progress, what="installing FATE")
