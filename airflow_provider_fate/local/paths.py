"""Where installations and instances live on this machine.

An *installation* is a virtual environment with FATE in it (about 1.2 GB), shared by all instances of the user: it can
be made again at any time and so belongs in the user's cache directory. An *instance* has data that somebody cares for
(tables, models, jobs) and belongs in the user's data directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

from airflow_provider_fate.local.errors import LocalFateError

APP = "airflow-provider-fate"
HOME_ENV = "FATE_LOCAL_HOME"
CACHE_ENV = "FATE_LOCAL_CACHE"
SERVICES_ENV = "FATE_LOCAL_SERVICES"

#: The server's UNIX socket lies in the home, and such a path may have 107 bytes.
_LONGEST_HOME = 85


def installations_dir() -> Path:
    """Folder of all installations: ``FATE_LOCAL_CACHE``, or below the user's cache directory."""
    chosen = os.environ.get(CACHE_ENV)
    return Path(chosen).expanduser().absolute() if chosen else Path(_platformdirs().user_cache_dir(APP)) / "fate"


def environments_dir() -> Path:
    """Folder of the environments that other servers run from (JupyterLab, a model server), beside the installations."""
    chosen = os.environ.get(CACHE_ENV)
    base = Path(chosen).expanduser().absolute() if chosen else Path(_platformdirs().user_cache_dir(APP))
    return base / "environments"


def services_home() -> Path:
    """Folder of the services when none is named: ``FATE_LOCAL_SERVICES``, or below the user's data directory."""
    chosen = os.environ.get(SERVICES_ENV)
    return Path(chosen).expanduser().absolute() if chosen else Path(_platformdirs().user_data_dir(APP)) / "services"


def default_home() -> Path:
    """Home of the instance when none is named: ``FATE_LOCAL_HOME``, or below the user's data directory."""
    chosen = os.environ.get(HOME_ENV)
    return Path(chosen) if chosen else Path(_platformdirs().user_data_dir(APP)) / "fate"


def resolve_home(home: Path | str | None) -> Path:
    """Make the instance's home absolute and refuse what FATE-Flow could not live in.

    :raises LocalFateError: the path holds characters that FATE-Flow pastes into shell commands, or is too long.
    """
    path = Path(home if home is not None else default_home()).expanduser().absolute()
    text = str(path)
    if not all(c.isalnum() or c in "/._-+@" for c in text):
        raise LocalFateError(
            f"the home {text!r} holds a character other than letters, digits and / . _ - + @",
            hint=f"FATE-Flow uses its paths in shell commands; choose another with --home or {HOME_ENV}",
        )
    if len(os.fsencode(text)) > _LONGEST_HOME:
        raise LocalFateError(
            f"the home {text!r} is {len(os.fsencode(text))} bytes long; at most {_LONGEST_HOME} work",
            hint=f"UNIX sockets have short names; choose a shorter path with --home or {HOME_ENV}",
        )
    return path


def import_path() -> str:
    """PYTHONPATH by which another process finds this very package, also when it runs from a source tree."""
    here = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join([here, before]) if before else here


class HomeLayout:
    """The files of one instance."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.conf = home / "conf"
        self.logs = home / "logs"
        self.data = home / "data"
        self.jobs = home / "jobs"
        self.model = home / "model"
        self.temps = home / "temps"
        self.upload = home / "upload"
        self.payload = home / "payload"
        self.run = home / "run"
        self.database = home / "fate_flow_sqlite.db"
        self.settings = home / "instance.json"
        self.credentials = home / "credentials.json"
        self.state = self.run / "state.json"
        self.lock = self.run / "lock"
        self.supervisor_lock = self.run / "supervisor.lock"
        self.socket = self.run / "zygote.sock"
        self.server_log = self.logs / "server.out"
        self.supervisor_log = self.logs / "supervisor.log"
        self.zygote_log = self.logs / "zygote.out"
        self.broker_log = self.logs / "broker.out"

    def create(self) -> None:
        """Make the folders; the home is readable by its owner only, as it holds the parties' data."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (
            self.conf,
            self.logs,
            self.data,
            self.jobs,
            self.model,
            self.temps,
            self.upload,
            self.payload,
        ):
            folder.mkdir(exist_ok=True)
        self.run.mkdir(exist_ok=True, mode=0o700)

    @property
    def owned(self) -> tuple[Path, ...]:
        """What ``reset`` deletes: everything that this package or the server writes, and nothing else in the folder."""
        return (
            self.conf, self.logs, self.data, self.jobs, self.model, self.temps, self.upload, self.payload, self.run,
            self.database, self.settings, self.credentials,
        )  # fmt: skip


def _platformdirs() -> ModuleType:
    try:
        import platformdirs
    except ModuleNotFoundError:
        raise LocalFateError(
            "what a FATE on this machine needs is not installed", hint="pip install 'airflow-provider-fate[local]'"
        ) from None
    return platformdirs
