"""Versions are never made twice, and of two who move an alias one wins; in a folder and in a real object store."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import (
    FateAliasMoved,
    FateConfigError,
    FateInputError,
    FateModelNotFound,
    FateServerError,
)
from airflow_provider_fate.models.registry import ModelRegistry, RegisteredModel
from airflow_provider_fate.models.registry import store as registry_store
from airflow_provider_fate.storage.records import StoredRecords
from tests.support import s3 as s3_support

NAME = "credit_risk"


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "registry")
    server = request.getfixturevalue("s3")
    return f"s3://{s3_support.CONN_ID}@{server.create_bucket()}/registry"


@pytest.fixture
def registry(place: str) -> ModelRegistry:
    return ModelRegistry(place)


def model(number: int = 1, **arguments: Any) -> RegisteredModel:
    given: dict[str, Any] = {
        "package": f"s3://m/{number}/model.zip", "sha256": f"{number:064x}", "job_id": f"20261127{number:013}",
        "model_id": "m", "model_version": "0", "role": "guest", "party_id": "9999", "metrics": {"auc": 0.7},
    }  # fmt: skip
    return RegisteredModel(**given | arguments)


def test_versions_count_up_and_stay_as_they_are(registry: ModelRegistry) -> None:
    first, new = registry.register(NAME, model(1, tags={"country": "fr"}))
    second, _ = registry.register(NAME, model(2))
    assert (first.version, second.version, new) == (1, 2, True)
    assert registry.version(NAME, 1) == first
    assert registry.version(NAME, 1).model.tags == {"country": "fr"}
    assert registry.versions(NAME) == [first, second]
    assert registry.names() == [NAME]


def test_the_same_package_is_one_version(registry: ModelRegistry) -> None:
    first, _ = registry.register(NAME, model(1))
    registry.register(NAME, model(2))
    again, new = registry.register(NAME, model(1, package="s3://elsewhere/model.zip"))
    assert (again, new) == (first, False)
    assert registry.register("another_name", model(1))[0].version == 1


def test_who_was_killed_before_the_note_makes_no_second_version(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelRegistry, "_remember", lambda self, version: None)
    first, _ = registry.register(NAME, model(1))
    monkeypatch.undo()
    assert registry.register(NAME, model(1)) == (first, False)


def test_many_who_register_at_once_lose_nothing(place: str) -> None:
    start = threading.Barrier(8)

    def register(number: int) -> int:
        registry = ModelRegistry(place)
        start.wait()
        return registry.register(NAME, model(number))[0].version

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(register, [1, 1, 2, 2, 3, 3, 4, 4]))
    assert given[::2] == given[1::2], "the same package, the same version"
    assert set(given) == {1, 2, 3, 4}


def test_an_alias_points_at_a_version_and_its_past_can_be_read(registry: ModelRegistry) -> None:
    for number in (1, 2):
        registry.register(NAME, model(number))
    assert registry.alias(NAME, "champion") is None
    assert registry.move(NAME, "champion", 1, reason="the first").previous is None
    moved = registry.move(NAME, "champion", 2, expected=1, run={"dag_id": "nightly", "run_id": "r", "task_id": "t"})
    assert (moved.previous, moved.version) == (1, 2)
    assert registry.resolve(NAME, "champion").version == 2
    assert registry.move(NAME, "champion", 2) == moved, "a task that runs again changes nothing"
    registry.move(NAME, "staging", 1)
    assert registry.aliases(NAME) == {"champion": 2, "staging": 1}
    registry.move(NAME, "staging", None)
    assert registry.aliases(NAME) == {"champion": 2}
    assert [move.version for move in registry.history(NAME, "champion")] == [1, 2]


def test_who_has_decided_on_the_basis_of_another_champion_is_told(registry: ModelRegistry) -> None:
    for number in (1, 2, 3):
        registry.register(NAME, model(number))
    registry.move(NAME, "champion", 1, expected=None)
    registry.move(NAME, "champion", 2, expected=1, run={"dag_id": "other"})
    with pytest.raises(FateAliasMoved, match=r"points at version 2 and not at version 1, moved by other"):
        registry.move(NAME, "champion", 3, expected=1)
    with pytest.raises(FateAliasMoved, match=r"points at version 2 and not at no version"):
        registry.move(NAME, "champion", 3, expected=None)
    assert registry.resolve(NAME, "champion").version == 2


def test_of_two_promotions_at_once_one_wins(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry(place)
    for number in (1, 2, 3):
        registry.register(NAME, model(number))
    registry.move(NAME, "champion", 1)
    create = StoredRecords.create

    def meanwhile(self: StoredRecords, name: str, content: bytes) -> bool:
        """Somebody else is quicker by a moment."""
        monkeypatch.setattr(StoredRecords, "create", create)
        ModelRegistry(place).move(NAME, "champion", 2)
        return create(self, name, content)

    monkeypatch.setattr(StoredRecords, "create", meanwhile)
    with pytest.raises(FateAliasMoved, match="points at version 2 since a moment ago"):
        registry.move(NAME, "champion", 3, expected=1)
    assert registry.resolve(NAME, "champion").version == 2
    assert [move.version for move in registry.history(NAME, "champion")] == [1, 2]


def test_what_is_not_there_is_told_with_what_is(registry: ModelRegistry) -> None:
    with pytest.raises(FateModelNotFound, match="Nothing is registered under this name"):
        registry.version(NAME, 1)
    registry.register(NAME, model(1))
    with pytest.raises(FateModelNotFound, match="Its newest version is 1"):
        registry.move(NAME, "champion", 2)
    with pytest.raises(FateModelNotFound, match="It has no alias yet"):
        registry.resolve(NAME, "champion")
    registry.move(NAME, "staging", 1)
    with pytest.raises(FateModelNotFound, match=r"Aliases of it: staging \(version 1\)"):
        registry.resolve(NAME, "champion")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a..b", ".hidden", "x" * 101, "é"])
def test_names_that_are_paths_are_refused(tmp_path: Path, name: str) -> None:
    registry = ModelRegistry(str(tmp_path))
    calls: list[Callable[[], object]] = [
        lambda: registry.register(name, model()),
        lambda: registry.version(name, 1),
        lambda: registry.alias(NAME, name),
        lambda: registry.move(NAME, name, None),
    ]
    for call in calls:
        with pytest.raises(FateInputError, match="is not a name"):
            call()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    registry = ModelRegistry(str(tmp_path))
    registry.register(NAME, model(1))
    (tmp_path / NAME / "versions" / "00000001.json").write_text(json.dumps({"name": NAME}))
    with pytest.raises(FateServerError, match=r"versions/00000001\.json is damaged"):
        registry.version(NAME, 1)


def test_storage_that_writes_over_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    class Careless(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
            super().pipe_file(path, value, mode="overwrite", **kwargs)

    records = StoredRecords("/nowhere")
    records._fs, records._root = Careless(), f"/{uuid.uuid4().hex}"
    with pytest.raises(FateConfigError, match="writes over what is there"):
        records.create("a.json", b"1")
    assert records.read("a.json") is None


def test_a_long_history_is_not_read_again_for_each_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry(str(tmp_path))
    for number in range(1, 60):
        registry.register(NAME, model(number))
    read: list[str] = []
    reads = StoredRecords.read
    monkeypatch.setattr(StoredRecords, "read", lambda self, name: (read.append(name), reads(self, name))[1])
    assert registry.register(NAME, model(99))[0].version == 60
    assert len(read) <= registry_store.RECENT + 1
    read.clear()
    assert registry.register(NAME, model(3))[0].version == 3
    assert len(read) == 2
