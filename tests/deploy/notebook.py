"""The environment of the notebook's image, made of the same file of requirements."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path
from uv import find_uv_bin

from airflow_provider_fate.jobs.pipeline.environment import FATE_CLIENT, installer_environment

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "docker" / "notebook-requirements.txt"


def notebook_environment() -> Path:
    """Return the folder of the environment, after making it if it is not there (a minute)."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:8]
    home = user_cache_path("airflow-provider-fate") / "notebook" / digest
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        uv, python = str(find_uv_bin()), str(home / "bin" / "python")
        for arguments in (
            ("venv", "--quiet", "--python", sys.executable, str(home)),
            ("pip", "install", "--quiet", "--python", python, "--requirement", str(REQUIREMENTS)),
            ("pip", "install", "--quiet", "--python", python, "--no-deps", FATE_CLIENT),
        ):
            subprocess.run([uv, *arguments], env=installer_environment(), check=True, timeout=600)
        (home / "ready").touch()
    return home
