"""A model becomes a graph that is compared with FATE before anybody can use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.models.card import CardModel, CardTable, CardTask, CardTraining, ModelCard
from airflow_provider_fate.models.package import ModelPackage
from airflow_provider_fate.operators.model_convert import FateModelConvertOperator
from tests.support.task import Task
from tests.unit.models.test_convert import GUEST, HOST, ROWS, dot, estimator, homo, pack, sigmoid

WEIGHTS = dict(zip("abcd", (0.5, -1.25, 2.0, 0.125), strict=True))
COLUMNS = tuple("abcd")


def convert(packages: Any, **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = Task(
        lambda: FateModelConvertOperator(task_id="convert", packages=packages, **arguments)
    ).run()
    return made


def exported(package: ModelPackage, folder: Path, columns: tuple[str, ...] = COLUMNS, **more: Any) -> dict[str, Any]:
    """What an export gives back, with a card in a folder of its own."""
    folder.mkdir(exist_ok=True)
    place = folder / "model.zip"
    place.write_bytes(package.path.read_bytes())
    manifest = package.manifest
    ids = {name: getattr(manifest, name) for name in ("job_id", "model_id", "model_version", "role", "party_id")}
    training = CardTraining(started=None, ended=None, initiator=None, fate_version=None, schema_version=None)
    about = CardModel(**ids, package_sha256=package.sha256, content_sha256=manifest.content_sha256, size=1)
    table = CardTable(
        table="t.t", task="reader_0", rows=200, columns=columns, types=("float32",) * len(columns), **more
    )
    parameters = {"transform_method": "bin_idx"}
    tasks = tuple(
        CardTask(
            task=part.task, component=part.component, provider=None, stage=None, trained=True, parameters=parameters
        )
        for part in manifest.parts
    )
    card = ModelCard(
        model=about, parties=(), tables=(table,), tasks=tasks, metrics={}, training=training, not_seen=()
    )  # fmt: skip
    (folder / "card.json").write_text(card.to_json())
    return {"package": str(place), "sha256": package.sha256, "card": str(folder / "card.json")}


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([list(WEIGHTS.values())], [0.75]))})
    return exported(package, tmp_path / "north")


def ids() -> list[str]:
    return [f"p{number:03}" for number in range(200)]


def raw(folder: Path, columns: str = "abcd", name: str = "rows.csv", rows: int = 200) -> str:
    lines = [",".join(["id", *columns])]
    lines += [",".join([who, *(repr(ROWS[c][n]) for c in columns)]) for n, who in enumerate(ids()[:rows])]
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def scores(folder: Path, weights: Mapping[str, float] = WEIGHTS, intercept: float = 0.75, **other: float) -> str:
    lines = ["id,predict_score,predict_result"]
    for number, who in reversed(list(enumerate(ids()))):
        row = {name: values[number] for name, values in ROWS.items()}
        lines.append(f"{who},{other.get(who, sigmoid(dot(weights, row, intercept)))!r},1")
    (folder / "scores.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "scores.csv")


def test_a_graph_that_agrees_is_written_and_stands_in_the_card(model: dict[str, Any], tmp_path: Path) -> None:
    made = convert(model, rows=raw(tmp_path), scores={"target": scores(tmp_path), "rows": 200})

    assert (made["rows"], made["inputs"], made["component"]) == (200, list("abcd"), "homo_lr")
    assert made["largest_difference"] < 1e-5
    assert Path(made["onnx"]) == tmp_path / "north" / "model.onnx"
    card = ModelCard.model_validate_json(Path(made["card"]).read_bytes())
    assert card.conversion is not None
    assert (card.conversion.sha256, card.conversion.rows) == (made["onnx_sha256"], 200)
    assert "On 200 rows its scores and FATE's differ by at most" in Path(made["card_text"]).read_text()
    assert (made["package"], made["sha256"], made["job_id"]) == (model["package"], model["sha256"], "1")
    again = convert(model, rows=raw(tmp_path), scores=scores(tmp_path))
    assert again == made


def test_the_result_can_be_registered(model: dict[str, Any], tmp_path: Path) -> None:
    from airflow_provider_fate.operators.model_register import FateModelRegisterOperator
    from tests.support.task import FakeTaskInstance

    made = convert(model, rows=raw(tmp_path), scores=scores(tmp_path))
    registry = str(tmp_path / "registry")
    task = Task(
        lambda: FateModelRegisterOperator(task_id="register", model=made, name="risk", registry=registry),
        FakeTaskInstance("nightly"),
    )
    version = task.run()
    assert (version["version"], version["onnx"], version["onnx_sha256"]) == (1, made["onnx"], made["onnx_sha256"])


def test_a_graph_that_gives_something_else_is_not_written(model: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"FATE has given 0\.5, which is more than 1e-05 apart"):
        convert(model, rows=raw(tmp_path), scores=scores(tmp_path, p017=0.5))
    assert not (tmp_path / "north" / "model.onnx").exists()


def test_rows_in_parquet_and_another_folder(model: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"who": ids(), **ROWS}), place)
    lines = Path(scores(tmp_path)).read_text().replace("id,", "who,")
    (tmp_path / "scores.csv").write_text(lines)
    made = convert(
        model, rows=str(place), scores=str(tmp_path / "scores.csv"), id_column="who", target=tmp_path / "out"
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["card.json", "card.md", "model.onnx"]
    assert made["rows"] == 200


def test_parts_of_two_parties_with_columns_of_one_name(tmp_path: Path) -> None:
    guest = pack(tmp_path, "guest", "9999", {"m": ("sshe_lr", {"data": {"estimator": estimator(GUEST, 0.5)}})})
    theirs = {"a": HOST["c"], "d": HOST["d"]}  # the host calls its c an a
    host = pack(tmp_path, "host", "10000", {"m": ("sshe_lr", {"data": {"estimator": estimator(theirs, None)}})})
    packages = [exported(guest, tmp_path / "g"), exported(host, tmp_path / "h", ("a", "d"))]
    approved = [guest.sha256, host.sha256]
    expected = scores(tmp_path, GUEST | HOST, 0.5)
    mine = raw(tmp_path, "ab", "guest.csv")
    yours = raw(tmp_path, "cd", "host.csv", rows=150)
    Path(yours).write_text(Path(yours).read_text().replace("id,c,d", "id,a,d"))

    made = convert(packages, rows={"9999": mine, "10000": yours}, scores=expected, signed_off=approved)

    assert made["inputs"] == ["guest_9999.a", "b", "host_10000.a", "d"]
    assert made["rows"] == 150, "those that both files have"
    card = json.loads(Path(made["card"]).read_text())
    assert card["conversion"]["packages"] == {"guest 9999": guest.sha256, "host 10000": host.sha256}
    with pytest.raises(AirflowFailException, match="host 10000 has not signed off its package"):
        convert(packages, rows=mine, scores=expected, signed_off=[guest.sha256])


def test_what_the_card_says_of_binnings_is_known(tmp_path: Path) -> None:
    points = {"0": 0.0, "1": 9.0}
    step = {"data": {"split_pt_dict": {"a": points}, "bin_col": ["a"]}}
    parts = {"lr_0": ("homo_lr", homo([[1.0, 0.0, 0.0, 0.0]], [0.0])), "binning_0": ("hetero_feature_binning", step)}
    package = pack(tmp_path, "guest", "9999", parts)
    lines = ["id,predict_score"]
    lines += [f"{who},{sigmoid(float(ROWS['a'][n] > 0))!r}" for n, who in enumerate(ids())]
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    given: dict[str, Any] = {"rows": raw(tmp_path), "scores": str(tmp_path / "scores.csv")}

    assert convert(exported(package, tmp_path / "m"), **given)["rows"] == 200
    (tmp_path / "m" / "card.json").unlink()
    with pytest.raises(AirflowFailException, match="Whether binning binning_0 of guest 9999 replaces values"):
        convert(str(tmp_path / "m" / "model.zip"), columns=COLUMNS, **given)


def test_several_classes(tmp_path: Path) -> None:
    weights = [[1.0, 0.0, -2.0, 0.5], [0.25, 1.5, 0.0, -1.0], [-1.0, 0.5, 1.0, 2.0]]
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo(weights, [0.0] * 3))})
    lines = ["id,predict_score,predict_detail"]
    for number, who in enumerate(ids()):
        row = {name: values[number] for name, values in ROWS.items()}
        powers = [2.718281828459045 ** sigmoid(dot(dict(zip("abcd", w, strict=True)), row)) for w in weights]
        detail = ", ".join(f"'{key}': {power / sum(powers)!r}" for key, power in enumerate(powers))
        lines.append(f'{who},0.5,"{{{detail}}}"')
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    made = convert(exported(package, tmp_path / "m"), rows=raw(tmp_path), scores=str(tmp_path / "scores.csv"))
    assert (made["width"], made["rows"]) == (3, 200)


def test_a_graph_may_be_taken_unseen_and_the_card_says_so(model: dict[str, Any]) -> None:
    made = convert(model, compare=False)
    assert (made["rows"], made["largest_difference"]) == (None, None)
    assert "was not compared" in Path(made["card_text"]).read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "rows and scores must be given"),
        ({"rows": "r.csv"}, "scores must be given"),
        ({"packages": []}, "packages is empty"),
        ({"packages": {"job_id": "1"}}, "names no model package"),
        ({"packages": "s3://user:password@b/model.zip"}, "packages has a password in it"),
        ({"packages": "nowhere/model.zip", "compare": False}, "nowhere/model.zip is not there"),
        ({"compare": False, "columns": ["a"]}, "was trained on 4 columns, and columns=1: a"),
        ({"compare": False, "signed_off": {"a": 1}}, "is not a list of checksums"),
        ({"min_rows": 0, "rows": "r", "scores": "s"}, "min_rows=0 is less than 1"),
        ({"rows": "nowhere.csv", "scores": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_wrong_arguments_are_named(model: dict[str, Any], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        convert(**({"packages": model} | arguments))


def test_rows_that_do_not_fit_are_named(model: dict[str, Any], tmp_path: Path) -> None:
    expected = scores(tmp_path)
    with pytest.raises(AirflowFailException, match="No file of rows has d"):
        convert(model, rows=raw(tmp_path, "abc"), scores=expected)
    with pytest.raises(AirflowFailException, match="Only 5 rows are in all of the given files, and min_rows is 20"):
        convert(model, rows=raw(tmp_path, rows=5), scores=expected)
    with pytest.raises(AirflowFailException, match="has no column sid"):
        convert(model, rows=raw(tmp_path), scores=expected, id_column="sid")
    with pytest.raises(AirflowFailException, match="Column a is in several files"):
        convert(model, rows=[raw(tmp_path), raw(tmp_path, name="r2.csv")], scores=expected)
    twice = Path(raw(tmp_path))
    twice.write_text(twice.read_text() + "p000,1,1,1,1\n")
    with pytest.raises(AirflowFailException, match="id 'p000' is twice"):
        convert(model, rows=str(twice), scores=expected)
    text = Path(raw(tmp_path)).read_text().splitlines()
    text[3] = "p002,,1,1,1"
    twice.write_text("\n".join(text) + "\n")
    with pytest.raises(AirflowFailException, match=r"a of .* is '', and not a number"):
        convert(model, rows=str(twice), scores=expected)


def test_a_package_that_was_touched_is_refused(model: dict[str, Any]) -> None:
    Path(model["package"]).write_bytes(Path(model["package"]).read_bytes() + b"x")
    with pytest.raises(AirflowFailException, match="has sha256"):
        convert(model, compare=False)


def test_a_card_of_another_package_or_of_a_replaced_table_is_passed_over(tmp_path: Path) -> None:
    package = pack(tmp_path, "guest", "9999", {"lr_0": ("homo_lr", homo([list(WEIGHTS.values())], [0.75]))})
    replaced = exported(package, tmp_path / "r", replaced_since=True)
    with pytest.raises(AirflowFailException, match="columns=none"):
        convert(replaced, compare=False)
    card = tmp_path / "r" / "card.json"
    card.write_text(card.read_text().replace(package.sha256, "0" * 64))
    assert convert(replaced, compare=False, columns=list("abcd"))["card"] is None
