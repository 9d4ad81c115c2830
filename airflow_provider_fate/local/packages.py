"""Driving uv: find it, hand the user's own package sources on to it, run it and make sense of its failures.

No registry is named in this project. What the user has configured for uv is honoured by uv itself; what the user has
configured for pip only (environment, pip.conf) is translated here, because uv does not read it.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_provider_fate.local.errors import InstallError
from airflow_provider_fate.local.progress import Progress

#: Phrases by which uv tells of a network that is not there; everything else is about packages.
_NETWORK = (
    "error sending request",
    "dns error",
    "connect error",
    "timed out",
    "connection refused",
    "tls handshake",
)
#: What uv draws around its reasons.
_FRAME = " \u00d7\u2502\u2570\u2500\u25b6\u251c\u00b7"
_PIP_OPTIONS = ("index-url", "extra-index-url", "find-links", "cert", "timeout", "no-index", "trusted-host")


def find_uv() -> str:
    """Path of the uv executable: the one of the ``uv`` package, or the one on PATH.

    :raises InstallError: there is none.
    """
    try:
        import uv

        return os.fsdecode(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
        if found:
            return found
    raise InstallError(
        "uv is needed to make FATE's environment and was not found",
        hint="install it with: pip install 'airflow-provider-fate[local]'",
    )


def pip_options(environ: Mapping[str, str]) -> dict[str, str]:
    """What the user told pip about package sources, in pip.conf files and ``PIP_*`` variables (which win).

    :returns: long option name without dashes -> value; lists are separated by white space, as in pip.
    """
    found: dict[str, str] = {}
    off = environ.get("PIP_CONFIG_FILE") == os.devnull
    for path in [] if off else _pip_conf_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip would complain about it; here it is a courtesy
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({k: v for k, v in parser.items(section) if k in _PIP_OPTIONS and v.strip()})
    for option in _PIP_OPTIONS:
        value = environ.get("PIP_" + option.upper().replace("-", "_"), "").strip()
        if value:
            found[option] = value
    return {option: " ".join(value.split()) for option, value in found.items()}


def _pip_conf_files(environ: Mapping[str, str]) -> list[Path]:
    home = Path(environ.get("HOME", "~")).expanduser()
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        config / "pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    return files


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: the user's, plus what is set for pip and not for uv.

    An index that is set for uv in any way wins as a whole: mixing the two would make the result hard to foresee.
    """
    env = dict(environ)
    # FATE's environment is made by its path: an active environment of the caller is not meant.
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"):
        env.pop(name, None)
    pip = pip_options(environ)
    if not any(env.get(n) for n in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")):
        if "index-url" in pip:
            env["UV_DEFAULT_INDEX"] = pip["index-url"]
        if "extra-index-url" in pip:
            env["UV_INDEX"] = pip["extra-index-url"]
            # pip takes the best version of all indexes; uv would stop at the first index that knows the name.
            env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "find-links" in pip and not env.get("UV_FIND_LINKS"):
        env["UV_FIND_LINKS"] = pip["find-links"].replace(" ", ",")
    if "cert" in pip:
        env.setdefault("SSL_CERT_FILE", pip["cert"])
    if "timeout" in pip:
        env.setdefault("UV_HTTP_TIMEOUT", pip["timeout"])
    if "trusted-host" in pip:
        env.setdefault("UV_INSECURE_HOST", pip["trusted-host"])
    if pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        env.setdefault("UV_NO_INDEX", "1")
    return env


def find_links(env: Mapping[str, str]) -> list[str]:
    """The folders and pages with wheels that uv will look at."""
    return [link for link in env.get("UV_FIND_LINKS", "").replace(",", " ").split() if link]


def run_uv(uv: str, arguments: Sequence[str], env: Mapping[str, str], *, progress: Progress, what: str) -> None:
    """Run uv and pass its lines on as progress.

    :param what: what is being done, for the error's first line.
    :raises InstallError: uv failed; carries the line that says why.
    """
    process = subprocess.Popen(
        [uv, *arguments],
        env={**env, "NO_COLOR": "1", "UV_NO_PROGRESS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        for raw in process.stderr:
            line = raw.rstrip()
            lines.append(line)
            if line.startswith(("Resolved", "Prepared", "Downloading", "Downloaded", "Building", "Built", "Installed")):
                progress(f"{what}: {line}")
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code:
        raise _explain(what, lines)


def _explain(what: str, lines: Sequence[str]) -> InstallError:
    text = "\n".join(lines).lower()
    telling = [line.strip(_FRAME) for line in lines if line.strip(_FRAME)] or ["uv gave no reason"]
    reason = "\n".join("  " + line for line in telling[-8:])
    if "no space left" in text:
        return InstallError(f"{what} failed: the disk is full\n{reason}", hint="free some space and run it again")
    if any(phrase in text for phrase in _NETWORK):
        return InstallError(
            f"{what} failed: a package source cannot be reached\n{reason}",
            hint="check the network, proxy and index settings (uv and pip configuration are both honoured), "
            "then run it again: what was downloaded is kept",
        )
    return InstallError(f"{what} failed\n{reason}", hint="run it again with --verbose to see everything uv says")
