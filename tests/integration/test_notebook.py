"""A real JupyterLab: what operators start, what its kernels know of the site, and that nothing of it is left."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.local import processes
from airflow_provider_fate.notebooks import LocalNotebook, NotebookSite, NotebookSpec
from airflow_provider_fate.notebooks.local import ENVIRONMENT
from airflow_provider_fate.operators.notebook import (
    FateNotebookDeleteOperator,
    FateNotebookOperator,
    FateNotebookReaperOperator,
    FateNotebookStopOperator,
)
from airflow_provider_fate.sensors.notebook import FateNotebookSensor
from tests.support.browser import drive, find_chromium
from tests.support.fake_flow import FakeFlow
from tests.support.fate import RunningFate
from tests.support.task import CONN_ID, Task, connect

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-this-notebook"
ASKS_FATE = """
from fate_client.flow_sdk import FlowClient
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.utils.fateflow.fate_flow_job_invoker import FATEFlowJobInvoker

pipeline = FateFlowPipeline()
print(FlowClient().job.query()["code"], pipeline._local_party_id, pipeline._local_role)
print(FATEFlowJobInvoker()._client.app_id, FlowClient("other.example.org", 9380).app_id)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "services"
    monkeypatch.setenv("FATE_LOCAL_SERVICES", str(home))
    yield home
    notebook = LocalNotebook("lab")
    notebook.delete()
    assert processes.of_instance(notebook.service.folder) == []


@pytest.fixture
def site(fake_flow_auth: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """One that wants signed requests, which fate-client does not make by itself."""
    connect(monkeypatch, fake_flow_auth)
    monkeypatch.setenv("AIRFLOW_CONN_LAB_TOKEN", json.dumps({"conn_type": "generic", "password": TOKEN}))
    return fake_flow_auth


def start(**arguments: Any) -> tuple[dict[str, Any], Task]:
    given = {"name": "lab", "fate_conn_id": CONN_ID, "token_conn_id": "lab_token", **arguments}
    task = Task(lambda: FateNotebookOperator(task_id="t", **given))
    return task.run(), task


def asked(notebook: dict[str, Any], path: str, token: str = TOKEN, data: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        notebook["url"].partition("/lab/")[0] + path,
        headers={"Authorization": f"token {token}"},
        data=None if data is None else json.dumps(data).encode(),
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def environment_of(notebook: LocalNotebook) -> dict[str, str]:
    """What kernels and terminals inherit of the server."""
    state = notebook.service.status()
    assert state is not None
    entries = Path(f"/proc/{state.server}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def kernel_runs(notebook: dict[str, Any], code: str) -> str:
    """What a script prints in a terminal."""
    done = subprocess.run(
        [ENVIRONMENT.interpreter, "-c", code],
        env=environment_of(LocalNotebook("lab")),
        capture_output=True,
        text=True,
        check=False,
        cwd=notebook["folder"],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def reaped(**arguments: Any) -> dict[str, Any]:
    """What the reaper has found, once it finds one that is idle."""
    patience = time.monotonic() + 120
    while True:
        found: dict[str, Any] = FateNotebookReaperOperator(task_id="r", **arguments).execute({})  # type: ignore[arg-type]
        if found["stopped"] or time.monotonic() > patience:
            return found
        time.sleep(0.5)


def test_the_life_of_a_notebook(site: FakeFlow, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one test, as each start takes seconds."""
    app = site.app
    assert app is not None
    claims = tmp_path / "claims"
    claims.mkdir()
    (claims / "2026.csv").write_text("id\n")
    arguments = {"data": {"claims": str(claims)}, "start_script": "echo from-the-script > greeting", "memory": "3Gi"}
    started, task = start(**arguments)

    # What Airflow keeps and shows of it holds no secret.
    kept = json.dumps([started, task.ti.xcoms]) + capsys.readouterr().out
    assert started["url"] == task.ti.xcoms["fate_notebook_url"]
    assert not [secret for secret in (TOKEN, app.token) if secret in kept]
    state = LocalNotebook("lab").service.status()
    assert state is not None
    for pid in (state.watcher.pid, state.server):
        assert not [secret for secret in (TOKEN, app.token) if secret in Path(f"/proc/{pid}/cmdline").read_text()]
    assert TOKEN not in LocalNotebook("lab").service.log.read_text()

    # The token opens it, and nothing else does.
    files = {file["name"] for file in asked(started, "/api/contents")["content"]}
    assert {"train_on_this_site.ipynb", "greeting", "data"} <= files
    assert asked(started, "/api/contents/data/claims")["content"][0]["name"] == "2026.csv"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(started, "/api/contents", token="another")

    # fate-client speaks to the site (which knows no job), signs for it alone, and has the party of the connection.
    said = kernel_runs(started, ASKS_FATE).splitlines()
    assert said == ["1001 9999 guest", f"{app.app_id} None"]
    assert re.search(rf"Max data size +{3 * 2**30} ", Path(f"/proc/{state.server}/limits").read_text())

    # The same again leaves it as it is; something else starts it anew.
    again, _ = start(**arguments)
    assert again == started
    now = LocalNotebook("lab").service.status()
    assert now is not None
    assert now.watcher == state.watcher

    # A kernel that nobody works in does not keep it, and then the reaper stops it.
    asked(started, "/api/kernels", data={})
    waiting = FateNotebookSensor(task_id="s", name="lab", until="running")
    assert waiting.poke({})  # type: ignore[arg-type]
    activity = LocalNotebook("lab").activity()
    assert (activity.kernels, activity.busy) == (1, 0)
    assert activity.idle_seconds(datetime.now(UTC) + timedelta(hours=3)) > 3 * 3600 - 60
    keep = FateNotebookReaperOperator(task_id="r", idle_after=timedelta(hours=1)).execute({})  # type: ignore[arg-type]
    assert keep["stopped"] == []
    # A kernel that comes up works now and then.
    dry = reaped(idle_after=1, dry_run=True)
    assert (dry["stopped"], dry["dry_run"]) == (["lab"], True)
    assert LocalNotebook("lab").status() is not None
    assert reaped(idle_after="1")["stopped"] == ["lab"]

    # Nothing of it runs, its kernel neither; its files are there, and then they are not.
    assert processes.of_instance(LocalNotebook("lab").service.folder) == []
    assert processes.running_from(LocalNotebook("lab").service.folder) == []
    assert FateNotebookSensor(task_id="s", name="lab", until="stopped").poke({})  # type: ignore[arg-type]
    stop = FateNotebookStopOperator(task_id="t", name="lab")
    assert stop.execute({}) == {"name": "lab", "stopped": False}  # type: ignore[arg-type]
    assert (Path(started["folder"]) / "greeting").exists()
    delete = FateNotebookDeleteOperator(task_id="t", name="lab")
    assert delete.execute({})["deleted"]  # type: ignore[arg-type]
    assert not LocalNotebook("lab").service.folder.exists()
    assert (claims / "2026.csv").exists()


@pytest.mark.thorough
def test_a_repository_is_cloned_once_and_its_changes_stay(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@b"]
    origin.mkdir()
    for arguments in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    (origin / "late.py").touch()
    for arguments in (["add", "."], ["commit", "-q", "-m", "two"]):
        subprocess.run([*git, *arguments], check=True)
    notebook = LocalNotebook("lab")
    spec = NotebookSpec(
        "lab", NotebookSite("127.0.0.1"), repository=f"file://{origin}@v1", url="http://127.0.0.1/alice"
    )
    first = notebook.start(spec, token=TOKEN)
    assert first.url == "http://127.0.0.1/alice/lab/tree/train_on_this_site.ipynb"
    clone = first.folder / "origin"
    assert (clone / ".git").is_dir()
    assert not (clone / "late.py").exists()
    (clone / "mine.py").touch()
    notebook.start(spec)
    assert (clone / "mine.py").exists()
    assert notebook.token == TOKEN, "it is kept"
    assert notebook.activity().busy == 0, "it is asked below its path"


def test_what_is_wrong_is_said_before_anything_starts(site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "generic"}))
    for arguments, said in (
        ({"name": "Lab"}, "name='Lab'"),
        ({"data": {"x": "/there/is/no/such/folder"}}, "data: 'x'"),
        ({"token_conn_id": "empty"}, "token_conn_id='empty'"),
        ({"repository": "file:///there/is/no/repository"}, "cannot be cloned"),
    ):
        with pytest.raises(AirflowFailException, match=said):
            start(**arguments)
    assert LocalNotebook("lab").status() is None


def test_a_start_script_that_fails_is_said(site: FakeFlow) -> None:
    from airflow_provider_fate.local import StartError

    with pytest.raises(StartError, match="the start script has ended with exit status 7"):
        start(start_script="exit 7")
    assert processes.of_instance(LocalNotebook("lab").service.folder) == []


def site_of_this_machine(fate: RunningFate) -> NotebookSpec:
    return NotebookSpec("lab", NotebookSite(fate.host, fate.port, party_id=fate.party_id, role="guest"))


@pytest.mark.fate
@pytest.mark.thorough
def test_the_example_trains_on_the_site(fate_full: RunningFate) -> None:
    """Cell by cell, in the environment that the notebook's kernels have."""
    notebook = LocalNotebook("lab")
    state = notebook.start(site_of_this_machine(fate_full), token=TOKEN)
    done = subprocess.run(
        [ENVIRONMENT.interpreter, "-m", "nbconvert", "--to=notebook", "--execute", "--inplace", Path(state.url).name],
        cwd=state.folder, env=environment_of(notebook), capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads((state.folder / Path(state.url).name).read_text())
    printed = "".join(
        text
        for cell in document["cells"]
        for output in cell.get("outputs", ())
        for text in output.get("text", ())
    )  # fmt: skip
    assert "FATE-Flow at 127.0.0.1:" in printed
    match = re.search(r"auc = (0\.\d+)", printed)
    assert match is not None, printed
    assert 0.8 < float(match[1]) < 1


@pytest.mark.fate
@pytest.mark.browser
@pytest.mark.thorough
def test_somebody_trains_from_a_browser(fate_full: RunningFate) -> None:
    """The link, the token, all cells: what a newcomer does in the first five minutes."""
    find_chromium()
    notebook = LocalNotebook("lab")
    state = notebook.start(site_of_this_machine(fate_full))
    picture = ROOT / ".local" / "screenshots" / "notebook.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    seen = drive(
        "jupyterlab", 850, url=state.url, token=state.token, screenshot=str(picture), patience=800, show="auc ="
    )
    match = re.search(r"auc = (0\.\d+)", "\n".join(seen["outputs"]))
    assert match is not None, seen
    assert 0.8 < float(match[1]) < 1
    assert seen["problems"] == []
    assert picture.stat().st_size > 20_000
    print(f"screenshot: {picture}")
    folder = notebook.service.folder
    assert len(processes.of_instance(folder)) >= 2, "JupyterLab and a kernel"
    assert notebook.stop()
    assert processes.of_instance(folder) == []
