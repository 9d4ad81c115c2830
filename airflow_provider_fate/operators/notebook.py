"""Notebooks on the machine of the worker: start a JupyterLab for a site, stop it, delete it, stop those nobody uses."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.links.notebook import NotebookLink
from airflow_provider_fate.operators._moments import seconds
from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.notebooks import LocalNotebook, NotebookSite
    from airflow_provider_fate.site.session import SiteSession


class FateNotebookOperator(FateSiteOperator):
    """Start a JupyterLab whose fate-client speaks to a site, and wait until it answers.

    It runs on the machine of the worker, on the loopback interface, and goes on when the task has ended, until
    :class:`FateNotebookStopOperator` or :class:`FateNotebookReaperOperator` stops it. It holds a notebook that trains
    on the site, and keeps all files until :class:`FateNotebookDeleteOperator`. One that runs with the same settings is
    left as it is, kernels and all; with other settings it is started anew. The task may run again.

    Who opens it is asked for a token, which is in no link, log or XCom: the password of ``token_conn_id``, or what
    ``fate-local notebook token NAME`` shows on that machine. The notebook holds the connection's app token in a file
    that only the worker's user can read: whoever can open the notebook can do at the site what the connection can.

    :param name: its name: small letters, digits and ``-``. (templated)
    :param repository: git repository that is cloned into it once, with ``@branch`` behind it if need be, and without
        credentials: git finds those of the machine. (templated)
    :param start_script: shell script that is run before each start, in the notebook's folder: ``pip install -q shap``.
        (templated)
    :param data: folders of the machine that are shown below ``data/``, by name: ``{"claims": "/srv/claims"}``.
        (templated)
    :param cpus: CPUs that it may use, as ``"2"``; default: all. (templated)
    :param memory: memory that each of its processes may have, as ``"4Gi"``; default: no limit. (templated)
    :param env: further variables for its kernels and terminals; no secrets. (templated)
    :param url: address by which browsers reach it, where a proxy stands before the machine; its path becomes
        JupyterLab's. Default: the address on the machine itself. (templated)
    :param token_conn_id: an Airflow connection whose password opens it. (templated)
    :param start_timeout: how long it may take until it answers, ``timedelta`` or seconds.
    :param fate_conn_id: Airflow connection of the FATE site. (templated)
    :returns: ``{"name", "url", "folder", "machine"}`` as XCom.
    :raises AirflowFailException: an argument or the connection is wrong, or the repository cannot be cloned. Not
        retried.
    """

    template_fields: Sequence[str] = (
        *("name", "repository", "start_script", "data", "cpus", "memory", "env", "url", "token_conn_id"),
        "fate_conn_id",
    )
    template_fields_renderers = {"start_script": "bash", "data": "json", "env": "json"}  # noqa: RUF012
    operator_extra_links = (NotebookLink(),)

    def __init__(
        self,
        *,
        name: str,
        repository: str | None = None,
        start_script: str | None = None,
        data: Mapping[str, str] | None = None,
        cpus: str | None = None,
        memory: str | None = None,
        env: Mapping[str, str] | None = None,
        url: str | None = None,
        token_conn_id: str | None = None,
        start_timeout: timedelta | float = timedelta(minutes=3),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.repository = repository
        self.start_script = start_script
        self.data = data
        self.cpus = cpus
        self.memory = memory
        self.env = env
        self.url = url
        self.token_conn_id = token_conn_id
        self.start_timeout = seconds("start_timeout", start_timeout)

    def work(self, session: SiteSession, context: Context) -> dict[str, str]:
        """Start it."""
        from airflow_provider_fate.compat import mask_in_logs
        from airflow_provider_fate.notebooks import LocalNotebook, NotebookSpec

        spec = NotebookSpec(
            name=self.name,
            site=_site(session.site),
            repository=self.repository or None,
            start_script=self.start_script or None,
            data=self.data or {},
            cpus=self.cpus or None,
            memory=self.memory or None,
            env=self.env or {},
            url=self.url or None,
        )
        notebook = LocalNotebook(self.name)
        for secret in (token := self._token(), notebook.token):
            if secret:
                mask_in_logs(secret)
        state = notebook.start(spec, self.log.info, token=token, timeout=self.start_timeout)
        NotebookLink.persist(context, state.url)
        machine = socket.gethostname()
        where = f"the password of the connection {self.token_conn_id}" if token else (
            f"what this shows on {machine}: fate-local notebook token {self.name}"
        )  # fmt: skip
        self.log.info("Notebook %s is at %s on %s; it asks for its token: %s", self.name, state.url, machine, where)
        return {"name": self.name, "url": state.url, "folder": str(state.folder), "machine": machine}

    def _token(self) -> str | None:
        if not self.token_conn_id:
            return None
        from airflow.providers.common.compat.sdk import BaseHook

        from airflow_provider_fate.errors import FateInputError

        password = BaseHook.get_connection(self.token_conn_id).password
        if not password:
            raise FateInputError(
                f"token_conn_id={self.token_conn_id!r} names a connection without a password.",
                hint="Give it one of 8 characters or more: it opens the notebook.",
            )
        return str(password)


class _LocalNotebookOperator(BaseOperator):
    """What needs a notebook, and no site."""

    ui_color = "#e3eefc"

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Fail at once where the arguments are wrong."""
        from airflow_provider_fate.errors import FateInputError

        try:
            yield
        except FateInputError as e:
            raise AirflowFailException(str(e)) from None


class _NamedNotebookOperator(_LocalNotebookOperator):
    """What is done to one notebook.

    :param name: its name.
    """

    template_fields: Sequence[str] = ("name",)

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def notebook(self) -> LocalNotebook:
        """It, on this machine."""
        from airflow_provider_fate.notebooks import LocalNotebook

        return LocalNotebook(self.name)


class FateNotebookStopOperator(_NamedNotebookOperator):
    """Stop a notebook of this machine, with its kernels and terminals. Its files and its token stay.

    Jobs that it has submitted go on at the site. One that does not run is stopped already; the task may run again.

    :param name: its name. (templated)
    :returns: ``{"name", "stopped"}`` as XCom: whether it ran.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Stop it."""
        with self.explained():
            stopped = self.notebook().stop()
        self.log.info("Notebook %s %s", self.name, "is stopped" if stopped else "did not run on this machine")
        return {"name": self.name, "stopped": stopped}


class FateNotebookDeleteOperator(_NamedNotebookOperator):
    """Stop a notebook of this machine and delete its folder: notebooks, clones, packages, token.

    What is mounted below ``data/`` is left alone. One that is not there is deleted already; the task may run again.

    :param name: its name. (templated)
    :returns: ``{"name", "deleted"}`` as XCom: whether there was anything.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete it."""
        with self.explained():
            deleted = self.notebook().delete()
        self.log.info("Notebook %s %s", self.name, "is deleted" if deleted else "was not there on this machine")
        return {"name": self.name, "deleted": deleted}


class FateNotebookReaperOperator(_LocalNotebookOperator):
    """Stop the notebooks of this machine in which nobody has worked for long.

    Work is what happens in kernels and terminals: a page that is left open in a browser does not count, and a kernel
    that computes is never idle, however long it takes. Their files stay. One that does not answer is reported and left
    alone. The task may run again.

    :param idle_after: how long nobody must have worked in it, ``timedelta`` or seconds. (templated, as seconds)
    :param keep: names of notebooks that run on however idle they are. (templated)
    :param dry_run: only say what would be stopped. (templated)
    :returns: ``{"stopped", "idle_seconds", "unknown", "dry_run"}`` as XCom: the names of those that were (or would be)
        stopped, how long each running one has been idle, and those that did not answer.
    """

    template_fields: Sequence[str] = ("idle_after", "keep", "only_report")

    def __init__(
        self,
        *,
        idle_after: timedelta | float | str = timedelta(hours=8),
        keep: Sequence[str] = (),
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.idle_after = idle_after.total_seconds() if isinstance(idle_after, timedelta) else idle_after
        self.keep = keep
        # ``dry_run`` itself is a method of Airflow's operators.
        self.only_report = dry_run

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at each of them, and stop the idle ones."""
        from airflow_provider_fate.errors import FateError
        from airflow_provider_fate.notebooks import local_notebooks

        with self.explained():
            limit = self._limit()
        only_said = str(self.only_report).strip().lower() in ("true", "1", "yes")
        idle: dict[str, float] = {}
        stopped, unknown = [], []
        for notebook in local_notebooks():
            if notebook.status() is None:
                continue
            try:
                activity = notebook.activity()
            except FateError as e:
                self.log.warning("Notebook %s is left alone: %s", notebook.name, e)
                unknown.append(notebook.name)
                continue
            idle[notebook.name] = round(activity.idle_seconds())
            doing = f"{activity.busy} of {activity.kernels} kernels compute" if activity.busy else (
                f"nobody has worked in it for {timedelta(seconds=idle[notebook.name])}"
            )  # fmt: skip
            if activity.busy or idle[notebook.name] < limit or notebook.name in self.keep:
                self.log.info("Notebook %s runs on: %s", notebook.name, doing)
                continue
            if not only_said:
                notebook.stop()
            stopped.append(notebook.name)
            self.log.info("Notebook %s %s: %s", notebook.name, "would be stopped" if only_said else "is stopped", doing)
        return {"stopped": stopped, "idle_seconds": idle, "unknown": unknown, "dry_run": only_said}

    def _limit(self) -> float:
        from airflow_provider_fate.errors import FateInputError

        try:
            return seconds("idle_after", float(self.idle_after))
        except ValueError:
            raise FateInputError(f"idle_after={self.idle_after!r} is no number of seconds.") from None


def _site(site: FateSite) -> NotebookSite:
    """The connection as the notebook's fate-client needs it."""
    from airflow_provider_fate.hooks._tls import verification
    from airflow_provider_fate.notebooks import NotebookSite

    return NotebookSite(
        host=site.host, port=site.port, party_id=site.party_id, role=site.role, scheme=site.scheme,
        app_id=site.app_id, app_token=site.app_token, verify=verification(site.verify, site.ca_file),
    )  # fmt: skip
