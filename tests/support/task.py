"""Runs an operator as Airflow does, without Airflow's processes: execute, defer, resume in a fresh instance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_fate.remote.identity import WorkIdentity
from airflow_provider_fate.remote.work import Attempt
from tests.support.fake_flow import FakeFlow

CONN_ID = "fate_site"


def connect(monkeypatch: pytest.MonkeyPatch, fake: FakeFlow, conn_id: str = CONN_ID, **extra: Any) -> None:
    """Give Airflow a connection to the fake."""
    app = fake.app
    connection = {
        "conn_type": "fate",
        "host": "127.0.0.1",
        "port": fake.port,
        "login": app.app_id if app else None,
        "password": app.token if app else None,
        "extra": {"party_id": "9999", "role": "guest", "timeout": 5} | extra,
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


@dataclass
class FakeTaskInstance:
    """As much of a task instance as operators use."""

    dag_id: str = "dag"
    run_id: str = "run"
    task_id: str = "task"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    xcoms: dict[str, Any] = field(default_factory=dict)

    first_reschedule: datetime | None = None

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.first_reschedule

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.xcoms[key] = value

    def xcom_pull(self, *, key: str, **_: Any) -> Any:
        return self.xcoms.get(key)


def in_worker(task: Task, trigger: Any) -> Any:
    """An operator whose process waits for what the trigger would wait for."""
    operator = task.make()
    operator.render_template_fields(task.context)
    operator._kind = operator.kind()
    operator._attempt = Attempt(WorkIdentity.of(task.context))
    operator._ref = operator._kind.ref_type.from_json(trigger.ref)
    return operator


@dataclass
class Task:
    """A task instance of an operator; each try gets a new operator, as in a new process."""

    make: Callable[[], Any]
    ti: FakeTaskInstance = field(default_factory=FakeTaskInstance)
    templates: dict[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> Any:
        return {"ti": self.ti, "task_instance": self.ti, "params": {}, **self.templates}

    def start(self) -> Any:
        """Run until the task is deferred, and give the trigger; or its result, if it never is."""
        operator = self.make()
        operator.render_template_fields(self.context)
        try:
            return operator.execute(self.context)
        except TaskDeferred as deferred:
            path, kwargs = deferred.trigger.serialize()
            module, _, name = path.rpartition(".")
            return getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))

    def resume(self, event: dict[str, Any]) -> Any:
        """Run the rest in a fresh operator."""
        operator = self.make()
        operator.render_template_fields(self.context)
        return operator.execute_complete(self.context, json.loads(json.dumps(event)))

    def run(self, patience: float = 30) -> Any:
        """The whole try, within so many seconds."""
        trigger = self.start()
        if not hasattr(trigger, "wait"):
            return trigger
        return self.resume(asyncio.run(asyncio.wait_for(trigger.wait(), patience)))

    def retry(self) -> None:
        """Airflow's next try of the same task instance."""
        self.ti.try_number += 1
        self.ti.xcoms.clear()

    def clear(self) -> None:
        """A user clears the task."""
        self.ti.max_tries = self.ti.try_number
        self.retry()
