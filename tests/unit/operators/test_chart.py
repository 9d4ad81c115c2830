"""A chart is given to KubeFATE once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.operators.chart import FateChartUploadOperator
from tests.support.charts import packed_chart
from tests.support.cluster_side import CONN, connect_kubefate
from tests.support.fake_kubefate import FakeKubefate
from tests.support.task import Task


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def upload(file: Path, **arguments: Any) -> Any:
    given = {"task_id": "upload", "chart": str(file), "kubefate_conn_id": CONN} | arguments
    return Task(lambda: FateChartUploadOperator(**given)).run()


def test_it_is_uploaded_where_it_is_not_there(kubefate: FakeKubefate, tmp_path: Path) -> None:
    file = packed_chart(tmp_path, "fate-upgrade-manager", "v1.0.0")
    assert upload(file) == {
        "name": "fate-upgrade-manager",
        "version": "v1.0.0",
        "uploaded": True,
        "charts": ["fate v2.0.0", "fate-upgrade-manager v1.0.0"],
    }
    assert upload(file)["uploaded"] is False
    assert len(kubefate.charts) == 2
    assert upload(file, replace=True)["uploaded"] is True
    assert len([one for one in kubefate.charts if one["DeletedAt"] is None]) == 2


@pytest.mark.parametrize("text", ["", "[1]", "name: fate\n", "a: [", "\x00"])
def test_what_is_no_chart_is_refused(kubefate: FakeKubefate, tmp_path: Path, text: str) -> None:
    with pytest.raises(AirflowFailException, match="no packed chart"):
        upload(packed_chart(tmp_path, "fate", "v2.0.0", text))
    assert kubefate.requests == []


@pytest.mark.parametrize("content", [b"", b"no gzip", b"\x1f\x8b\x08\x00broken"])
def test_a_file_that_is_none_is_refused(kubefate: FakeKubefate, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fate.tgz").write_bytes(content)
    with pytest.raises(AirflowFailException, match="no packed chart"):
        upload(tmp_path / "fate.tgz")
    with pytest.raises(AirflowFailException, match="not a file on this worker"):
        upload(tmp_path / "none.tgz")
