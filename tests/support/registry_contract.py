"""What every registry of models must do, as tests: a class for each kind of registry inherits them."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateAliasMoved, FateInputError, FateModelNotFound
from airflow_provider_fate.models.card import CardModel, CardTask, CardTraining, ModelCard
from airflow_provider_fate.models.registry import RegisteredModel, Registry

Open = Callable[[], Registry]
"""Opens the registry under test, as another process would."""

RUN = {"dag_id": "nightly", "run_id": "manual__2026-11-27T00:00:00+00:00", "task_id": "register"}


class Packages:
    """Makes exported models: files in a folder, and what an export tells of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int = 1, **arguments: Any) -> RegisteredModel:
        place = self.folder / f"{number}" / "model.zip"
        place.parent.mkdir(exist_ok=True)
        content = f"model {number}".encode()
        if not place.exists():
            place.write_bytes(content)
        ids = {
            "job_id": f"20261127{number:013}",
            "model_id": "m",
            "model_version": "0",
            "role": "guest",
            "party_id": "9999",
        }
        sha256 = hashlib.sha256(content).hexdigest()
        about = CardModel(**ids, package_sha256=sha256, content_sha256=sha256, size=len(content))
        card = ModelCard(
            model=about,
            parties=(),
            tables=(),
            tasks=(
                CardTask(
                    task="sbt_0",
                    component="hetero_secureboost",
                    provider="fate:2.2.0@local",
                    stage="train",
                    trained=True,
                    parameters={"num_trees": 3, "objective": "binary:bce", "tree": {"max_depth": 4}, "nothing": None},
                ),
            ),
            metrics={"auc": 0.7},
            training=CardTraining(started=None, ended=None, initiator=None, fate_version=None, schema_version=None),
            not_seen=(),
        )
        (place.parent / "card.json").write_text(card.to_json())
        given: dict[str, Any] = {
            **ids,
            "package": str(place),
            "sha256": sha256,
            "card": str(place.parent / "card.json"),
            "metrics": {"auc": 0.7, "trees": 3, "objective": "binary:bce", "converged": True},
            "run": RUN,
        }
        return RegisteredModel(**given | arguments)


class RegistryContract:
    """Tests of any registry; a subclass gives the fixture ``open``."""

    @pytest.fixture
    def package(self, tmp_path: Path) -> Packages:
        folder = tmp_path / "packages"
        folder.mkdir()
        return Packages(folder)

    @pytest.fixture
    def name(self) -> str:
        """A name that no test has used, because a server may be everybody's."""
        return f"credit_{uuid.uuid4().hex[:12]}"

    def test_versions_stay_as_they_are(self, open: Open, name: str, package: Packages) -> None:
        registry = open()
        first, new = registry.register(name, package(1, tags={"country": "fr"}))
        second, _ = registry.register(name, package(2))
        assert (first.version, new) == (1, True)
        assert second.version > first.version
        again = open()
        assert again.version(name, 1) == first
        assert again.version(name, 1).model == package(1, tags={"country": "fr"}), "types of metrics included"
        assert again.versions(name) == [first, second]
        assert name in again.names()

    def test_a_record_may_be_long(self, open: Open, name: str, package: Packages) -> None:
        metrics = {f"metric_{number:03}": number / 7 for number in range(300)}
        model = package(1, metrics=metrics, tags={"words": "ü" * 900})
        open().register(name, model)
        assert open().version(name, 1).model == model

    def test_the_same_package_is_one_version(self, open: Open, name: str, package: Packages) -> None:
        first, _ = open().register(name, package(1))
        open().register(name, package(2))
        again, new = open().register(name, package(1, tags={"later": "yes"}))
        assert (again, new) == (first, False)
        assert open().register(f"{name}_b", package(1))[0].version == 1, "under another name it is another version"

    def test_many_who_register_at_once_lose_nothing(self, open: Open, name: str, package: Packages) -> None:
        start = threading.Barrier(8)
        models = {number: package(number) for number in (1, 2, 3, 4)}

        def register(number: int) -> tuple[int, bool]:
            registry = open()
            start.wait()
            version, new = registry.register(name, models[number])
            return version.version, new

        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(register, [1, 1, 2, 2, 3, 3, 4, 4]))
        numbers = [number for number, _ in given]
        assert numbers[::2] == numbers[1::2], "the same package, the same version"
        assert len(set(numbers)) == 4
        assert sorted(new for _, new in given) == [False] * 4 + [True] * 4, "one of two is told that it is new"
        assert sorted(version.version for version in open().versions(name)) == sorted(set(numbers))

    def test_an_alias_points_at_a_version_and_its_past_can_be_read(
        self, open: Open, name: str, package: Packages
    ) -> None:
        registry = open()
        first, second = (registry.register(name, package(number))[0].version for number in (1, 2))
        assert registry.alias(name, "champion") is None
        assert registry.history(name, "champion") == []
        assert registry.move(name, "champion", first, reason="the first").previous is None
        moved = registry.move(name, "champion", second, expected=first, run=RUN)
        assert (moved.previous, moved.version) == (first, second)
        assert open().resolve(name, "champion").version == second
        again = open().move(name, "champion", second, expected=first)
        assert (again, again.run) == (moved, RUN), "a task that runs again changes nothing"
        registry.move(name, "staging", first)
        assert open().aliases(name) == {"champion": second, "staging": first}
        assert registry.move(name, "staging", None).previous == first
        assert open().aliases(name) == {"champion": second}
        history = open().history(name, "champion")
        assert [(move.version, move.previous, move.reason) for move in history] == [
            (first, None, "the first"),
            (second, first, ""),
        ]

    def test_who_has_decided_on_the_basis_of_another_champion_is_told(
        self, open: Open, name: str, package: Packages
    ) -> None:
        registry = open()
        one, two, three = (registry.register(name, package(number))[0].version for number in (1, 2, 3))
        registry.move(name, "champion", one, expected=None)
        registry.move(name, "champion", two, expected=one, run=RUN | {"url": "http://airflow"})
        with pytest.raises(
            FateAliasMoved, match=f"at version {two} and not at version {one}, moved by nightly/.*/register\\."
        ):
            open().move(name, "champion", three, expected=one)
        with pytest.raises(FateAliasMoved, match=f"points at version {two} and not at no version"):
            open().move(name, "champion", three, expected=None)
        assert open().resolve(name, "champion").version == two

    def test_of_many_promotions_at_once_one_wins(self, open: Open, name: str, package: Packages) -> None:
        registry = open()
        versions = [registry.register(name, package(number))[0].version for number in (1, 2, 3, 4)]
        registry.move(name, "champion", versions[0])
        start = threading.Barrier(6)

        def promote(at: int) -> int | None:
            mine = open()
            start.wait()
            try:
                return mine.move(name, "champion", versions[1 + at % 3], expected=versions[0], run=RUN).version
            except FateAliasMoved:
                return None

        with ThreadPoolExecutor(6) as pool:
            told = list(pool.map(promote, range(6)))
        winners = {version for version in told if version is not None}
        assert len(winners) == 1, "who comes later with the winner's version finds it there"
        assert {open().resolve(name, "champion").version} == winners
        assert [move.version for move in open().history(name, "champion")] == [versions[0], *winners]

    def test_what_is_not_there_is_told_with_what_is(self, open: Open, name: str, package: Packages) -> None:
        registry = open()
        with pytest.raises(FateModelNotFound, match="Nothing is registered under this name"):
            registry.version(name, 1)
        with pytest.raises(FateModelNotFound, match="Nothing is registered under this name"):
            registry.move(name, "champion", 1)
        registry.register(name, package(1))
        with pytest.raises(FateModelNotFound, match="Its newest version is 1"):
            registry.move(name, "champion", 2)
        with pytest.raises(FateModelNotFound, match="It has no alias yet"):
            registry.resolve(name, "champion")
        registry.move(name, "staging", 1)
        with pytest.raises(FateModelNotFound, match=r"Aliases of it: staging \(version 1\)"):
            registry.resolve(name, "champion")

    @pytest.mark.parametrize("wrong", ["", "../up", "a/b", "a..b", ".hidden", "x" * 101, "é"])
    def test_names_that_are_paths_are_refused(self, open: Open, name: str, package: Packages, wrong: str) -> None:
        registry = open()
        calls: list[Callable[[], object]] = [
            lambda: registry.register(wrong, package()),
            lambda: registry.version(wrong, 1),
            lambda: registry.versions(wrong),
            lambda: registry.alias(wrong, "champion"),
            lambda: registry.alias(name, wrong),
            lambda: registry.resolve(name, wrong),
            lambda: registry.history(name, wrong),
            lambda: registry.move(name, wrong, None),
        ]
        for call in calls:
            with pytest.raises(FateInputError, match="is not a name"):
                call()
