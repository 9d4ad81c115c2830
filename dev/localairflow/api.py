"""The part of Airflow's REST API that a demo and tests need, over httpx."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx

Json = dict[str, Any]
FINISHED = frozenset({"success", "failed"})
# On a busy machine SQLite may refuse a request that goes through a moment later.
REPEATABLE = frozenset({"GET", "PATCH"})
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 0.0)
TASK_FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class AirflowApiError(Exception):
    """Airflow refused a request; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class DagImportError(Exception):
    """A DAG is missing because its file does not import; the message is Airflow's traceback."""


class TaskInstance(NamedTuple):
    """State of one task in one run; `state` is None before it is scheduled."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    duration: float | None

    @classmethod
    def of(cls, reply: Json) -> TaskInstance:
        """Pick what we need from Airflow's reply."""
        return cls(*(reply.get(field) for field in cls._fields))  # type: ignore[arg-type]


class AirflowApi:
    """A client of one Airflow, logged in with a password.

    :param url: of the API server, without a path.
    :param timeout: seconds for one request; a busy small machine takes its time.
    """

    def __init__(self, url: str, username: str, password: str, timeout: float = 60.0) -> None:
        self.url = url
        self._login = {"username": username, "password": password}
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, body: Json | None = None, **params: str | int | bool) -> Any:
        """Send a request below ``/api/v2`` and return the JSON of the reply.

        :raises AirflowApiError: for every status of 400 and above.
        :raises httpx.HTTPError: when the server cannot be reached.
        """
        for pause in PAUSES:
            if "Authorization" not in self._http.headers:
                self._authorize()
            reply = self._http.request(method, f"/api/v2{path}", json=body, params=params)
            if reply.status_code == httpx.codes.UNAUTHORIZED:
                self._http.headers.pop("Authorization", None)  # another thread may have done so
            elif not _may_repeat(method, reply):
                break
            time.sleep(pause)
        if reply.is_error:
            raise AirflowApiError(f"{method} {path}: HTTP {reply.status_code}: {reply.text[:500]}", reply.status_code)
        return reply.json() if reply.content else None

    def _authorize(self) -> None:
        reply = self._http.post("/auth/token", json=self._login)
        if reply.is_error:
            raise AirflowApiError(f"Airflow did not let us in: {reply.text[:300]}", reply.status_code)
        self._http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    # --- the whole -------------------------------------------------------------------------------------------

    def health(self) -> dict[str, str | None]:
        """Return the status of each part of Airflow: 'healthy', or something else."""
        reply = self._http.get("/api/v2/monitor/health")
        return {part: (report or {}).get("status") for part, report in reply.raise_for_status().json().items()}

    def add_connection(self, connection: Json) -> None:
        """Create a connection, or replace the one with the same id."""
        path = f"/connections/{connection['connection_id']}"
        try:
            self.request("PATCH", path, connection)
        except AirflowApiError as exc:
            if exc.status != httpx.codes.NOT_FOUND:
                raise
            self.request("POST", "/connections", connection)

    # --- DAGs and runs ---------------------------------------------------------------------------------------

    def dag_ids(self) -> set[str]:
        """Return the ids of all parsed DAGs."""
        return {dag["dag_id"] for dag in self.request("GET", "/dags", limit=500)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Return file name and traceback of each DAG file that does not import."""
        errors = self.request("GET", "/importErrors", limit=100)["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in errors}

    def unpause(self, dag_id: str, timeout: float = 120.0) -> None:
        """Let the scheduler run a DAG; waits until the DAG processor has found it.

        :raises DagImportError: when it does not appear and some file does not import.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                self.request("PATCH", f"/dags/{dag_id}", {"is_paused": False})
                return
            except AirflowApiError as exc:
                if exc.status != httpx.codes.NOT_FOUND or time.monotonic() > end:
                    if errors := self.import_errors():
                        raise DagImportError("\n".join(f"{f}:\n{t}" for f, t in errors.items())) from exc
                    raise
            time.sleep(0.5)

    def pause(self, dag_id: str) -> None:
        """Keep the scheduler from starting runs of a DAG."""
        self.request("PATCH", f"/dags/{dag_id}", {"is_paused": True})

    def trigger(
        self, dag_id: str, conf: Json | None = None, *, run_id: str | None = None, logical_date: str | None = None
    ) -> str:
        """Start a run by hand and return its id; `conf` sets the DAG's params."""
        self.unpause(dag_id)
        body: Json = {"logical_date": logical_date, "conf": conf or {}}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self.request("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[Json]:
        """Return all runs of a DAG, newest first."""
        return list(self.request("GET", f"/dags/{dag_id}/dagRuns", limit=100, order_by="-run_after")["dag_runs"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait(
        self,
        dag_id: str,
        run_id: str,
        timeout: float,
        on_poll: Callable[[list[TaskInstance]], None] | None = None,
        interval: float = 2.0,
    ) -> str:
        """Wait for the end of a run and return its state: 'success' or 'failed'.

        :param on_poll: is called with the tasks' states each time they were read.
        :raises TimeoutError: it has not ended within `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            state = self.run_state(dag_id, run_id)
            if on_poll:
                on_poll(self.tasks(dag_id, run_id))
            if state in FINISHED:
                return state
            if time.monotonic() > end:
                tasks = ", ".join(f"{t.task_id}: {t.state}" for t in self.tasks(dag_id, run_id))
                raise TimeoutError(f"{dag_id} {run_id} is still {state} after {timeout:.0f} s ({tasks})")
            time.sleep(interval)

    def backfill(self, dag_id: str, from_date: str, to_date: str, conf: Json | None = None, active: int = 1) -> int:
        """Start a backfill, `active` runs at a time, and return its id."""
        self.unpause(dag_id)
        body = {"dag_id": dag_id, "from_date": from_date, "to_date": to_date, "max_active_runs": active}
        return int(self.request("POST", "/backfills", body | {"dag_run_conf": conf or {}})["id"])

    # --- tasks -----------------------------------------------------------------------------------------------

    def tasks(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return the tasks of a run."""
        reply = self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=500)
        return [TaskInstance.of(t) for t in reply["task_instances"]]

    def wait_task(
        self, dag_id: str, run_id: str, task_id: str, states: frozenset[str], timeout: float = 300.0
    ) -> TaskInstance:
        """Wait until a task is in one of `states`."""
        end = time.monotonic() + timeout
        while True:
            found = TaskInstance.of(self.request("GET", self._task(dag_id, run_id, task_id)))
            if found.state in states:
                return found
            if time.monotonic() > end or (found.state in TASK_FINISHED):
                raise TimeoutError(f"{task_id} of {dag_id} {run_id} is {found.state}, not one of {sorted(states)}")
            time.sleep(0.5)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set a task to 'failed' or 'success' as a user does in the UI: what runs is killed."""
        self.request("PATCH", self._task(dag_id, run_id, task_id), {"new_state": state})

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Set a whole run to 'failed' or 'success' as a user does in the UI."""
        self.request("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    def clear(self, dag_id: str, run_id: str, task_ids: list[str], *, downstream: bool = True) -> None:
        """Let tasks run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": task_ids, "only_failed": False}
        body |= {"reset_dag_runs": True, "include_downstream": downstream}
        self.request("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return what a task has pushed."""
        return self.request("GET", f"{self._task(dag_id, run_id, task_id)}/xcomEntries/{key}")["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of one try as text, one event per line."""
        path = f"{self._task(dag_id, run_id, task_id)}/logs/{try_number}"
        content = self.request("GET", path, full_content=True)["content"]
        return "\n".join(_line(event) for event in content)

    @staticmethod
    def _task(dag_id: str, run_id: str, task_id: str) -> str:
        return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"


def _may_repeat(method: str, reply: httpx.Response) -> bool:
    """Whether the server is in trouble, and another request of the same kind does no harm.

    With 503 Airflow says that its database was locked, and that it has done nothing.
    """
    return reply.is_server_error and (method in REPEATABLE or reply.status_code == httpx.codes.SERVICE_UNAVAILABLE)


def _line(event: Mapping[str, Any] | str) -> str:
    if isinstance(event, str):
        return event
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in event.get("error_detail") or ()]
    head = " ".join(str(event[k]) for k in ("timestamp", "level") if event.get(k))
    return " ".join(part for part in (head, str(event.get("event", "")), *errors) if part)
