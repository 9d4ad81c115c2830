"""The examples that open and reap notebooks hand their parameters on as what they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.notebooks import LocalNotebook
from tests.support.task import FakeTaskInstance

DAGS = Path(__file__).parents[2] / "dags"


def rendered(name: str, task_id: str, **changed: Any) -> Any:
    """A task of a run with these parameters, and the run's context."""
    spec = importlib.util.spec_from_file_location(f"{name}_dag", DAGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The decorated function makes the DAG anew; the file itself has only registered it.
    dag = getattr(module, name)()
    operator = dag.get_task(task_id)
    ti = FakeTaskInstance()
    context: Any = {"ti": ti, "task_instance": ti, "params": dag.params.dump() | changed}
    operator.render_template_fields(context)
    return operator, context


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FATE_LOCAL_SERVICES", str(tmp_path))
    return tmp_path


def test_a_notebook_is_named_by_the_form_and_needs_no_repository() -> None:
    operator, _ = rendered("notebook", "open_notebook", name="alice")
    assert (operator.name, operator.repository, operator.memory) == ("alice", "", "4Gi")
    assert [link.name for link in operator.operator_extra_links] == ["Open JupyterLab"]


def test_what_does_not_run_is_not_reaped(home: Path) -> None:
    folder = LocalNotebook("alice").service.folder
    folder.mkdir()
    (folder / "ports.json").write_text("{}")
    operator, context = rendered("idle_notebooks", "stop_idle", idle_hours=0.5, keep=["lab"], dry_run=True)
    assert (operator.idle_after, operator.keep) == (1800.0, ["lab"])
    assert operator.execute(context) == {"stopped": [], "idle_seconds": {}, "unknown": [], "dry_run": True}


def test_hours_that_are_none_are_refused() -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    operator, context = rendered("idle_notebooks", "stop_idle", idle_hours=0)
    with pytest.raises(AirflowFailException, match="idle_after"):
        operator.execute(context)
