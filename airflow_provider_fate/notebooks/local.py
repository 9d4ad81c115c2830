"""A notebook on this machine: JupyterLab as a process that outlives who starts it, on the loopback interface only."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_fate.errors import FateInputError, FateNotFoundError
from airflow_provider_fate.local.environments import PackageEnvironment
from airflow_provider_fate.local.pins.client import FATE_CLIENT, REQUIREMENTS
from airflow_provider_fate.local.progress import Progress, silent
from airflow_provider_fate.local.services import LocalService, ServiceSpec, ServiceState, all_services
from airflow_provider_fate.notebooks.activity import NotebookActivity, ask_activity
from airflow_provider_fate.notebooks.spec import (
    NotebookSpec,
    checked_notebook_name,
    memory_bytes,
    whole_cpus,
)

__all__ = ["ENVIRONMENT", "LocalNotebook", "NotebookState", "local_notebooks"]

#: JupyterLab, and beside it fate-client with what it needs; pip installs into the notebook's own folder.
ENVIRONMENT = PackageEnvironment(
    "jupyterlab",
    ("jupyterlab==4.6.6", "ipykernel==7.4.0", "pip>=24", *REQUIREMENTS),
    without_dependencies=(FATE_CLIENT,),
    check="import fate_client.pipeline.components.fate, jupyterlab, ipykernel, pandas",
)
_PAYLOAD = Path(__file__).parent / "payload"
_PREFIX = "notebook-"
EXAMPLE = "train_on_this_site.ipynb"
#: What keeps JupyterLab from asking whether it may call home.
_ASKS = Path("jupyter/settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings")


@dataclass(frozen=True)
class NotebookState:
    """A notebook that runs.

    :param name: its name.
    :param url: address of its page; the token is asked for there.
    :param phase: ``"running"``, or what its watcher does.
    :param folder: where its files are.
    :param token: what opens it.
    """

    name: str
    url: str
    phase: str
    folder: Path
    token: str = field(repr=False)


class LocalNotebook:
    """A notebook on this machine, known by its name. Its files stay until :meth:`delete`.

    :param name: its name.
    :param home: folder of all services; default: ``FATE_LOCAL_SERVICES``, else in the user's data directory.
    :raises FateInputError: the name cannot be one.
    """

    def __init__(self, name: str, home: Path | None = None) -> None:
        self.name = checked_notebook_name(name)
        self.service = LocalService(_PREFIX + name, home)

    @property
    def work(self) -> Path:
        """What JupyterLab shows."""
        return self.service.folder / "work"

    @property
    def token(self) -> str | None:
        """What opens it; kept over stops."""
        return self.service.file("token")

    def start(
        self,
        spec: NotebookSpec,
        progress: Progress = silent,
        *,
        token: str | None = None,
        timeout: float = 180.0,
        owner: int | None = None,
    ) -> NotebookState:
        """Start it and wait until it answers; one that runs like that is left as it is, kernels and all.

        :param token: what shall open it; default: that of its last start, else a new one.
        :param timeout: seconds to wait for the first answer; making JupyterLab's environment does not count.
        :param owner: pid of a process with which it shall end.
        :raises FateInputError: the repository or a folder with data cannot be had.
        :raises StartError: it does not come up; carries the end of its log.
        """
        self._check_data(spec.data)
        if token is not None and len(token) < 8:
            raise FateInputError("token: too short to keep anybody out.", hint="Use 8 characters or more.")
        ENVIRONMENT.ensure(progress)
        self._fill(spec, progress)
        state = self.service.start(
            self._service_spec(spec, token or self.token or secrets.token_urlsafe(24)),
            progress, timeout=timeout, owner=owner,
        )  # fmt: skip
        return self._state(state)

    def status(self) -> NotebookState | None:
        """Its state; None when it does not run."""
        state = self.service.status()
        return None if state is None else self._state(state)

    def activity(self) -> NotebookActivity:
        """Who works in it.

        :raises FateNotFoundError: it does not run.
        """
        state = self.service.status()
        if state is None:
            raise FateNotFoundError(f"Notebook {self.name!r} does not run on this machine.")
        return ask_activity(state.url + self._base_path, self.token or "")

    def stop(self) -> bool:
        """Stop it with its kernels and terminals; the files stay.

        :returns: whether it ran.
        """
        return self.service.stop()

    def delete(self) -> bool:
        """Stop it and delete its files.

        :returns: whether there was anything.
        """
        return self.service.remove()

    # -- how ------------------------------------------------------------------------------------------------------

    def _state(self, state: ServiceState) -> NotebookState:
        address = (self._options.get("url") or state.url + self._base_path).rstrip("/")
        return NotebookState(self.name, f"{address}/lab/tree/{EXAMPLE}", state.phase, self.work, self.token or "")

    @property
    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(self.service.file("options.json") or "{}")
        return options

    @property
    def _base_path(self) -> str:
        return str(self._options.get("base_path") or "/")

    def _service_spec(self, spec: NotebookSpec, token: str) -> ServiceSpec:
        files = {path.name: path.read_text() for path in _PAYLOAD.glob("*.py")}
        files["site.json"] = spec.site.text()
        files["token"] = token
        files["options.json"] = json.dumps({"base_path": spec.base_path, "url": spec.url})
        files["jupyter_server_config.json"] = json.dumps(_configuration(spec), indent=2)
        limits = []
        if spec.cpus:
            limits += ["--cpus", str(whole_cpus(spec.cpus))]
        if spec.memory:
            limits += ["--memory", str(memory_bytes(spec.memory))]
        if spec.start_script:
            files["start.sh"] = spec.start_script
            limits += ["--script", "{files}/start.sh"]
        lab = [str(ENVIRONMENT.interpreter), "-m", "jupyterlab", "--ServerApp.port={port}"]
        return ServiceSpec(
            command=[str(ENVIRONMENT.interpreter), "{files}/launch.py", *limits, "--", *lab, *_root()],
            env={
                # What somebody has set up for Jupyter at large is not mixed with this.
                "JUPYTER_CONFIG_DIR": "{files}",
                "JUPYTER_DATA_DIR": "{folder}/jupyter/data",
                "JUPYTER_RUNTIME_DIR": "{folder}/jupyter/runtime",
                "JUPYTERLAB_SETTINGS_DIR": "{folder}/jupyter/settings",
                "JUPYTERLAB_WORKSPACES_DIR": "{folder}/jupyter/workspaces",
                "IPYTHONDIR": "{folder}/jupyter/ipython",
                "PATH": f"{ENVIRONMENT.root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                # Packages that are installed in the notebook are its own.
                "PIP_TARGET": "{folder}/packages",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PYTHONPATH": "{files}" + os.pathsep + "{folder}/packages",
                "FATE_NOTEBOOK_SITE": "{files}/site.json",
                **spec.env,
            },
            secret_env={"JUPYTER_TOKEN": token},
            files=files,
            health=spec.base_path + "api",
            stop_grace=15.0,
        )

    def _fill(self, spec: NotebookSpec, progress: Progress) -> None:
        """Put into the working folder what is not there; what somebody has changed in it is theirs."""
        self.service.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.work.mkdir(exist_ok=True)
        if not (self.work / EXAMPLE).exists():
            shutil.copy(_PAYLOAD / EXAMPLE, self.work / EXAMPLE)
        asks = self.service.folder / _ASKS
        if not asks.exists():
            asks.parent.mkdir(parents=True, exist_ok=True)
            asks.write_text('{"fetchNews": "false", "checkForUpdates": false}\n')
        data = self.work / "data"
        for link in data.iterdir() if data.is_dir() else ():
            if link.is_symlink() and link.name not in spec.data:
                link.unlink()
        for name, path in spec.data.items():
            data.mkdir(exist_ok=True)
            link = data / name
            if link.is_symlink():
                link.unlink()
            link.symlink_to(Path(path), target_is_directory=True)
        if spec.repository and not (self.work / spec.folder).exists():
            progress(f"cloning {spec.repository}")
            _clone(*spec.clone, self.work / spec.folder)

    def _check_data(self, data: Mapping[str, str]) -> None:
        for name, path in data.items():
            if not (Path(path).is_absolute() and Path(path).exists()):
                raise FateInputError(
                    f"data: {name!r} is to be {path!r}, which is not there on this machine.",
                    hint="Give the absolute path of a folder or file.",
                )


def local_notebooks(home: Path | None = None) -> list[LocalNotebook]:
    """The notebooks of this machine that have files, running or not, by name."""
    found = []
    for service in all_services(home):
        if service.name.startswith(_PREFIX):
            with contextlib.suppress(FateInputError):
                found.append(LocalNotebook(service.name.removeprefix(_PREFIX), service.folder.parent))
    return found


def _configuration(spec: NotebookSpec) -> dict[str, Any]:
    return {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port_retries": 0,  # another port would be nobody's
            "open_browser": False,
            "base_url": spec.base_path,
            "quit_button": False,
            # Through a proxy, browsers ask for the proxy's name.
            "allow_remote_access": spec.url is not None,
        },
        "LabApp": {
            "extension_manager": "readonly",
        },
    }


def _root() -> list[str]:
    return ["--allow-root"] if os.geteuid() == 0 else []


def _clone(address: str, ref: str, folder: Path) -> None:
    git = shutil.which("git")
    if git is None:
        raise FateInputError("repository: git is not installed on this machine.")
    building = folder.with_name(f".{folder.name}.clone")
    shutil.rmtree(building, ignore_errors=True)
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}, "GIT_TERMINAL_PROMPT": "0"}
    try:
        for arguments in (["clone", "--quiet", "--", address, str(building)],
                          ["-C", str(building), "checkout", "--quiet", ref, "--"] if ref else []):  # fmt: skip
            if not arguments:
                continue
            done = subprocess.run([git, *arguments], env=env, capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=600)  # fmt: skip
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["git gives no reason"])[-1]
                raise FateInputError(f"repository={address!r} cannot be cloned: {said}")
        building.rename(folder)
    except subprocess.TimeoutExpired:
        raise FateInputError(f"repository={address!r} cannot be cloned within 10 minutes.") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
