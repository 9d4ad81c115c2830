"""A model comes to a site as it was packed, never over another one, and nothing is believed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateModelNotFound, FateServerError
from airflow_provider_fate.models.collect import collect_package, find_trained_job
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_import import FateModelImportOperator
from tests.support.fake_flow import FakeFlow, Script, model_routes
from tests.support.task import CONN_ID, Task, connect
from tests.unit.models.samples import rewritten
from tests.unit.operators.test_model_export import PARTIES, run

PART = ("guest", "9999", "lr_0", "output_model")


@pytest.fixture
def exported(site: FakeFlow, tmp_path: Path) -> dict[str, Any]:
    """The result of an export."""
    from airflow_provider_fate.jobs import HomoLR

    job = run(site, HomoLR(**PARTIES))
    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": job, "target": str(tmp_path)}
    result: dict[str, Any] = Task(lambda: FateModelExportOperator(**given)).run()
    return result


def import_(package: Any, **arguments: Any) -> Any:
    given = {"task_id": "import", "fate_conn_id": CONN_ID, "package": package} | arguments
    return Task(lambda: FateModelImportOperator(**given)).run()


def stored(site: FakeFlow, model_id: str, version: str) -> bytes:
    with FlowClient(site.settings) as flow:
        target = io.BytesIO()
        flow.model.download(model_id, version, *PART, target)
        return target.getvalue()


@pytest.fixture
def other_site(site: FakeFlow, exported: dict[str, Any]) -> FakeFlow:
    """The same server, which has forgotten the job and its model."""
    site.remove_job(exported["job_id"])
    return site


def test_a_model_comes_to_another_site_under_its_own_id(other_site: FakeFlow, exported: dict[str, Any]) -> None:
    told = import_(exported)

    assert told == {
        "model_id": exported["model_id"], "model_version": "0", "role": "guest", "party_id": "9999",
        "tasks": ["lr_0"], "sha256": exported["sha256"], "content_sha256": exported["content_sha256"],
        "package": exported["package"], "imported": True,
    }  # fmt: skip
    assert other_site.models[exported["model_id"], "0"].keys() == {PART}


def test_a_second_import_changes_nothing(other_site: FakeFlow, exported: dict[str, Any]) -> None:
    import_(exported, model_id="credit", model_version="7")
    sent = other_site.requests.count("/model/import")

    assert not import_(exported["package"], model_id="credit", model_version="7")["imported"]
    assert other_site.requests.count("/model/import") == sent == 1


def test_the_site_that_has_trained_it_has_it(site: FakeFlow, exported: dict[str, Any]) -> None:
    assert not import_(exported)["imported"]
    assert site.requests.count("/model/import") == 0


def test_another_model_of_that_name_is_not_written_over(site: FakeFlow, exported: dict[str, Any]) -> None:
    from airflow_provider_fate.jobs import HomoLR

    other = run(site, HomoLR(**PARTIES))
    before = stored(site, other, "0")
    with pytest.raises(AirflowFailException, match=rf"another model {other}, version 0, already \(guest 9999: lr_0\)"):
        import_(exported, model_id=other)
    assert stored(site, other, "0") == before
    assert site.requests.count("/model/import") == 0


def test_what_an_import_that_broke_off_has_left_is_completed(site: FakeFlow, tmp_path: Path) -> None:
    from airflow_provider_fate.jobs import Scaling, SsheLR

    job = run(site, SsheLR(**PARTIES, scaling=Scaling()), Script(models={"scale_0": {"json_model": b"{}"}}))
    with FlowClient(site.settings) as flow:
        package = collect_package(flow, find_trained_job(flow, job, "guest", "9999"), tmp_path)
    assert {part.task for part in package.manifest.parts} == {"lr_0", "scale_0"}
    import_(package.path, model_id="credit")
    whole = dict(site.models["credit", "0"])
    del site.models["credit", "0"]["guest", "9999", "lr_0", "output_model"]

    assert import_(package.path, model_id="credit")["imported"]
    assert site.models["credit", "0"] == whole


# --- a server that does not do what it says ---------------------------------------------------------------------------


def test_letters_that_fate_strips_from_paths_take_nothing_away(
    other_site: FakeFlow, exported: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # All letters of a model id that is a number stand in this name, and it strips a path down to its role.
    monkeypatch.setattr(model_routes, "TEMPORARY", "/tmp/tmp0123456789")
    assert import_(exported)["imported"]


def test_a_part_that_is_stored_wrongly_is_removed_and_told(
    other_site: FakeFlow, exported: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = zipfile.ZipFile.read

    def changed(self: zipfile.ZipFile, name: Any, *rest: Any) -> bytes:
        return read(self, name, *rest).replace(b"max_iter", b"min_iter")

    monkeypatch.setattr(zipfile.ZipFile, "read", changed)  # which the fake stores what it is sent with
    with pytest.raises(FateServerError, match=r"has stored of lr_0 is not what it was sent"):
        import_(exported)
    monkeypatch.undo()
    connect(monkeypatch, other_site)
    with pytest.raises(FateModelNotFound):
        stored(other_site, exported["model_id"], "0")


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_package_that_was_changed_is_refused(other_site: FakeFlow, exported: dict[str, Any]) -> None:
    path = Path(exported["package"])

    def change(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.endswith("/json_model"))
        files[name] = files[name].replace(b"3", b"4")

    changed = rewritten(path, change)
    with pytest.raises(AirflowFailException, match="has another checksum than its manifest says"):
        import_(str(changed))
    path.write_bytes(changed.read_bytes())
    with pytest.raises(AirflowFailException, match=f"and not {exported['sha256']}"):
        import_(exported)
    assert other_site.requests.count("/model/import") == 0


def test_another_partys_part_is_refused(
    other_site: FakeFlow, exported: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other_site.party_id, other_site.partner_visible = "10000", False
    connect(monkeypatch, other_site, party_id="10000", role="host")
    with pytest.raises(AirflowFailException, match=r"part of guest 9999, and connection 'fate_site' is party 10000"):
        import_(exported)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"package": ""}, "package='' names no file"),
        ({"package": {"card": "x"}}, "names no file"),
        ({"package": "/nowhere/model.zip"}, "is not there"),
        ({"package": "s3://key:secret@bucket/model.zip"}, "package has a password in it"),
        ({"model_id": "a/b"}, "model_id='a/b' cannot name a model"),
        ({"model_version": "20261127000"}, "has 11 letters; FATE-Flow has room for 10"),
        ({"model_id": "m" * 80}, "storage key .* FATE-Flow has room for 100"),
    ],
)
def test_wrong_arguments_are_refused(
    other_site: FakeFlow, exported: dict[str, Any], arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says) as caught:
        import_(**({"package": exported} | arguments))
    assert "secret" not in str(caught.value)
    assert other_site.requests.count("/model/import") == 0
