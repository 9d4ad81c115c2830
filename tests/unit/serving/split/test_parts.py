"""A party's part, its rows, its terms and its count of answers: what they hold, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_fate import errors as e
from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.models.convert.steps import BinNumbers, RangeScaling, StandardScaling
from airflow_provider_fate.serving.split.document import SplitPart, SplitTerms, TreeShare, read_split_part
from airflow_provider_fate.serving.split.features import FeatureFile, ids_of, write_features
from airflow_provider_fate.serving.split.forest import Forest
from airflow_provider_fate.serving.split.ledger import RowLedger
from airflow_provider_fate.serving.split.make import split_part_of
from airflow_provider_fate.serving.split.settings import (
    SECRETS,
    SETTINGS,
    SplitServiceSettings,
    read_service_settings,
    secret_digest,
)
from airflow_provider_fate.serving.split.terms import terms_markdown
from tests.unit.models.test_convert import both, forest, homo, pack
from tests.unit.serving.split.samples import LISTENER, linear_packages, parts_of

# --- parts ------------------------------------------------------------------------------------------------------------


def test_a_part_is_what_its_checksum_says(tmp_path: Path) -> None:
    for part in parts_of(linear_packages(tmp_path)) + parts_of(
        both(tmp_path / "t", "hetero_secureboost", *forest("multi:ce", 3, 3))
    ):
        file = tmp_path / "split.json"
        file.write_bytes(part.to_bytes())
        assert read_split_part(file) == part
        assert read_split_part(file).sha256 == part.sha256
    other = part.model_copy(update={"terms": SplitTerms(rows_per_day=5)})
    assert other.sha256 != part.sha256, "other terms have to be signed off anew"


def test_a_part_that_was_changed_by_hand(tmp_path: Path) -> None:
    part = parts_of(linear_packages(tmp_path))[1]
    file = tmp_path / "split.json"
    raw: dict[str, Any] = json.loads(part.to_bytes())
    for change, says in (
        ({"format": "other"}, "is no part of a split model"),
        ({"role": "arbiter"}, "is no part of a split model"),
        ({"share": raw["share"] | {"weights": [[1.0]]}}, "do not fit to each other"),
        ({"share": raw["share"] | {"intercepts": [float("nan")]}}, "is no part of a split model"),
        ({}, "is not as it was written"),
    ):
        file.write_text(json.dumps(raw | change))
        with pytest.raises(e.FateInputError, match=says):
            read_split_part(file)
    with pytest.raises(e.FateInputError, match=r"gone\.json is not there"):
        read_split_part(tmp_path / "gone.json")


def test_models_that_are_not_split(tmp_path: Path) -> None:
    whole = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([[1.0] * 4], [0.0]))})
    with pytest.raises(e.FateInputError, match="homo_lr, which is whole at each party"):
        split_part_of(whole)
    guest, host = forest("rank:map", 1)
    packages = both(tmp_path / "t", "hetero_secureboost", guest, host)
    with pytest.raises(e.FateInputError, match="Objective 'rank:map' cannot be served"):
        split_part_of(packages[0])
    arbiter = pack(tmp_path, "arbiter", "10000", {"m": ("coordinated_lr", {"data": {}})})
    with pytest.raises(e.FateInputError, match="arbiter 10000 has no columns"):
        split_part_of(arbiter)


def test_a_host_that_does_not_know_its_own_split(tmp_path: Path) -> None:
    guest, host = forest("binary:bce", 2)
    host["trees"][1]["nodes"][1]["bid"] = None
    with pytest.raises(e.FateInputError, match="does not know its split 1 of tree 1"):
        split_part_of(both(tmp_path, "hetero_secureboost", guest, host)[1])


@pytest.mark.parametrize("left", [0, 1, 2, 4, 9])
def test_trees_in_which_a_row_would_walk_in_a_circle(tmp_path: Path, left: int) -> None:
    guest, host = forest("binary:bce", 1)
    guest["trees"][0]["nodes"][1]["l"] = left
    share = split_part_of(both(tmp_path, "hetero_secureboost", guest, host)[0]).share
    assert isinstance(share, TreeShare)
    with pytest.raises(e.FateInputError, match="Tree 0 of the model is no tree"):
        Forest(share)


def test_steps_do_to_values_what_the_graph_does(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnxruntime")
    from airflow_provider_fate.models.convert.graph import Graph

    values = np.array([-3.0, -0.5, 0.0, 0.1, 0.25, 1.0, 7.0], dtype=np.float32)
    for step in (
        StandardScaling(0.3, 1.7),
        RangeScaling(0.5, -0.25, -1.0, 1.0, strict=True),
        RangeScaling(0.5, -0.25, -1.0, 1.0, strict=False),
        BinNumbers((-0.5, 0.1, 0.25)),
        BinNumbers(()),
    ):
        graph = Graph()
        made = graph.finish(graph.column("x", [step]), 1, {})
        (expected,) = onnx.InferenceSession(made).run(["score"], {"x": values.reshape(-1, 1)})
        assert step.apply(values.astype(np.float64)) == pytest.approx(expected.ravel(), abs=1e-6)


# --- rows -------------------------------------------------------------------------------------------------------------


def write(folder: Path, text: str, columns: tuple[str, ...] = ("c", "d"), **more: Any) -> FeatureFile:
    source, target = folder / "rows.csv", folder / "rows.features"
    source.write_text(text)
    arguments: dict[str, Any] = {"id_column": "id", "may_miss": False, **more}
    write_features(FileSource.of_path(source), target, columns, **arguments)
    return FeatureFile(target, columns)


def test_only_the_parts_columns_are_kept(tmp_path: Path) -> None:
    file = write(tmp_path, "id,name,d,c\nx,Smith,1,0.1\ny,Jones,2,3\n")
    values, unknown = file.look_up(["y", "z", "x"])
    assert (values[[0, 2]].tolist(), unknown) == ([[3.0, 2.0], [float(np.float32(0.1)), 1.0]], [1])
    assert b"Smith" not in file.path.read_bytes()
    assert file.count == 2


def test_many_rows_and_none(tmp_path: Path) -> None:
    table = pa.table(
        {"id": pa.array(range(2_500)), "c": pa.array(np.arange(2_500.0)), "d": pa.array([None] * 2_500, pa.float64())}
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    target = tmp_path / "rows.features"
    count = write_features(
        FileSource.of_path(tmp_path / "rows.parquet"), target, ["c", "d"], id_column="id", may_miss=True
    )
    values, unknown = FeatureFile(target, ["c", "d"]).look_up([str(n) for n in reversed(range(2_500))])
    assert (count, unknown, values[0, 0], values[-1, 0]) == (2_500, [], 2_499.0, 0.0)
    assert np.isnan(values[:, 1]).all()


def test_only_ids_that_may_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "agreed.csv").write_text("id\ny\nz\n")
    agreed = ids_of(FileSource.of_path(tmp_path / "agreed.csv"), "id")
    file = write(tmp_path, "id,c,d\nx,1,1\ny,2,2\n", only_ids=agreed)
    assert file.look_up(["x", "y"])[1] == [0]
    with pytest.raises(e.FateDataError, match="no column who"):
        ids_of(FileSource.of_path(tmp_path / "agreed.csv"), "who")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,c\nx,1\n", "has no column d"),
        ("who,c,d\nx,1,1\n", "has no column id"),
        ("id,c,d\nx,1,1\ny,1,1\nx,2,2\n", "the id of row 3 twice"),
        ("id,c,d\nx,1,secret\n", "column d is no number in row 1"),
        ("id,c,d\nx,1,\n", "column d is missing in row 1"),
        ("id,c,d\nx,1,1e39\n", "too large for FATE in row 1"),
        (f"id,c,d\n{'x' * 201},1,1\n", "an id of 201 characters in row 1"),
    ],
)
def test_rows_that_cannot_be_leave_the_old_file(tmp_path: Path, text: str, says: str) -> None:
    before = write(tmp_path, "id,c,d\nx,1,1\n").path.read_bytes()
    with pytest.raises(e.FateDataError, match=says) as caught:
        write(tmp_path, text)
    assert "secret" not in str(caught.value), "values are of persons"
    assert (tmp_path / "rows.features").read_bytes() == before
    assert not list(tmp_path.glob(".rows*"))


def test_a_new_file_counts_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "id,c,d\nx,1,1\n")
    write(tmp_path, "id,c,d\nx,5,1\ny,1,1\n")
    assert file.look_up(["x", "y"])[0][0, 0] == 5.0


def test_files_that_are_none(tmp_path: Path) -> None:
    write(tmp_path, "id,c,d\nx,1,1\n")
    with pytest.raises(e.FateInputError, match="has other columns than the part takes: c, d"):
        FeatureFile(tmp_path / "rows.features", ["c"])
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(e.FateInputError, match="is no file of features"):
        FeatureFile(tmp_path / "other", ["c"])
    (tmp_path / "text").write_text("no database at all, but long enough to be taken for one" * 20)
    for name in ("text", "gone"):
        with pytest.raises(e.FateInputError, match="cannot be read as a file of features"):
            FeatureFile(tmp_path / name, ["c"])
    assert not (tmp_path / "gone").exists()


# --- terms ------------------------------------------------------------------------------------------------------------


def test_who_learns_what_is_written_down(tmp_path: Path) -> None:
    linear = parts_of(linear_packages(tmp_path), rows_per_day=1234, digits=3, until=datetime(2030, 1, 1, tzinfo=UTC))
    trees = parts_of(both(tmp_path / "t", "hetero_secureboost", *forest("binary:bce", 2)))
    for part in linear + trees:
        page = terms_markdown(part)
        assert part.sha256 in page
        assert part.package_sha256 in page
        assert part.who in page
    host = terms_markdown(linear[1])
    assert all(
        word in host for word in ("weighted sum", "1,234", "| Decimals of a sum | 3 |", "2030-01-01", "`c`, `d`")
    )
    assert "to the left or to the right" in terms_markdown(trees[1])
    assert "which of the host's splits each row comes to" in terms_markdown(trees[0])


def test_a_count_outlives_the_service(tmp_path: Path) -> None:
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)
    terms = SplitTerms(rows_per_request=10, rows_per_minute=15, rows_per_day=30)

    def ledger(at: datetime, model: str = "1") -> RowLedger:
        return RowLedger(tmp_path / "answered", model, terms, clock=at.timestamp)

    with pytest.raises(e.FateResourceError, match="11 rows in one question"):
        ledger(now).take(11)
    first = ledger(now)
    first.take(10)
    with pytest.raises(e.FateResourceError, match="16 rows within a minute"):
        first.take(6)
    first.take(5)
    ledger(now).take(10)  # a restart forgets the minute, and not the day
    with pytest.raises(e.FateResourceError, match="31 rows within a day"):
        ledger(now + timedelta(hours=2)).take(6)
    assert ledger(now).today() == 25
    ledger(now, "2").take(10)
    ledger(now + timedelta(days=1)).take(10)


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_read_back(tmp_path: Path) -> None:
    settings = SplitServiceSettings(name="credit", signed_off="a" * 64, listen=LISTENER)
    (tmp_path / SETTINGS).write_text(settings.model_dump_json())
    (tmp_path / SECRETS).write_text('{"10000": "s"}')
    assert read_service_settings(tmp_path) == (settings, {"10000": "s"})
    for name, text, says in (
        (SECRETS, "[", "is no JSON"),
        (SECRETS, "[]", "does not hold one text for each party"),
        (SETTINGS, "{}", "name: Field required"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(e.FateConfigError, match=says):
            read_service_settings(tmp_path)
    with pytest.raises(e.FateConfigError, match=r"settings\.json is not there"):
        read_service_settings(tmp_path / "gone")


def test_a_secret_that_can_be_guessed() -> None:
    with pytest.raises(e.FateConfigError, match="The secret has 8 characters, and needs 32"):
        secret_digest("password")


def test_a_host_part_lists_no_other_columns(tmp_path: Path) -> None:
    host: SplitPart = parts_of(linear_packages(tmp_path))[1]
    assert (host.columns, host.guest, host.hosts, host.may_miss) == (("c", "d"), "9999", ("10000",), False)
