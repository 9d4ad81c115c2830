"""airflow fate clusters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster_side import SECRET, connect_kubefate, delete, party
from tests.support.fake_kubefate import FakeKubefate
from tests.unit.cli.conftest import Ran

Fate = Callable[..., Ran]


@pytest.fixture
def kubefate(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubefate]:
    with FakeKubefate() as fake:
        connect_kubefate(monkeypatch, fake)
        yield fake


def test_clusters_and_what_is_done_with_them(kubefate: FakeKubefate, fate: Fate) -> None:
    kubefate.pace = 10
    kubefate.install_before(party())
    kubefate.install_before(party(name="fate-10000", namespace="fate-10000"))
    ran = fate("clusters", "list", "--conn-id", "kubefate_there")
    assert ran.rows == [
        ["fate-9999", "fate-9999", "Running", "fate", "v2.0.0", "9999", "-"],
        ["fate-10000", "fate-10000", "Running", "fate", "v2.0.0", "9999", "-"],
    ]
    delete().start()
    ran = fate("clusters", "list", "--conn-id", "kubefate_there", "-o", "json")
    assert [(row["name"], (row["job"] or "").split(" ")[0]) for row in ran.json] == [
        ("fate-9999", "ClusterDelete"),
        ("fate-10000", ""),
    ]
    assert SECRET not in ran.out + ran.err


def test_a_connection_that_is_not_there(fate: Fate) -> None:
    ran = fate("clusters", "list", "--conn-id", "nowhere")
    assert ran.status == 1
    assert "--conn-type kubefate" in ran.err


def test_a_cluster_yaml_is_checked_without_kubefate(fate: Fate, tmp_path: Path) -> None:
    file = tmp_path / "party.yaml"
    file.write_text(json.dumps(party()))
    ran = fate("clusters", "check", str(file))
    assert ran.status == 0, ran.err
    assert ran.out.endswith("party.yaml would become what it says.\n")
    file.write_text(json.dumps(party(osx={"nodeport": 1})))
    ran = fate("clusters", "check", str(file))
    assert ran.status == 1
    assert "error    osx.nodeport: the chart knows no such key" in ran.out
    ran = fate("clusters", "check", str(file), "-o", "json")
    assert ran.status == 1
    assert [one["field"] for one in ran.json if one["fatal"]] == ["osx.nodeport"]
    assert SECRET not in ran.out
    assert "is not a file" in fate("clusters", "check", str(tmp_path / "none")).err
