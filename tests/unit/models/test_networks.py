"""A network becomes a graph that gives what torch gives, and its weights are read without torch."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_fate.errors import FateInputError, FateModelPackageError
from airflow_provider_fate.models.convert import convert, require_equal
from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import ModelPackage, write_package
from airflow_provider_fate.models.part import unpack_part
from airflow_provider_fate.models.weights import _view, read_weights
from tests.unit.models.samples import tar

FOLDER = Path(__file__).parent / "networks"
MADE = json.loads((FOLDER / "networks.json").read_text())
CASES: Mapping[str, Any] = MADE["cases"]
COLUMNS = list("abcd")
ROWS = {name: [row[place] for row in MADE["rows"]] for place, name in enumerate(COLUMNS)}


def described(layers: list[list[Any]], module: str = "torch.nn") -> dict[str, Any]:
    sequence = {
        str(place): {"module_name": module, "item_name": kind, "kwargs": kwargs, "source": None}
        for place, (kind, kwargs) in enumerate(layers)
    }
    return {"item_name": "load_seq", "kwargs": {"seq_conf": sequence}}


def packed(folder: Path, conf: Any, weights: bytes) -> ModelPackage:
    meta = {
        "type_name": "model_directory",
        "source": {"output_artifact_key": "output_model"},
        "metadata": {"metadata": {"runner_conf": {"model_conf": conf}}},
    }
    files = {"output_model/pytorch_model.bin": weights, "output_model.meta.yaml": json.dumps(meta).encode()}
    (place := folder / "nn").mkdir()
    part = unpack_part(tar(files), place, task="nn_0", component="homo_nn", provider=None)
    manifest = ModelManifest(
        role="guest", party_id="9999", job_id="1", model_id="1", model_version="0", parts=(part.part,),
        parties=(ModelParty(role="guest", party_id="9999"),), content_sha256=content_digest([part.part]),
    )  # fmt: skip
    return write_package(manifest, [part], folder / "model.zip")


def of_case(folder: Path, name: str) -> ModelPackage:
    return packed(folder, described(CASES[name]["layers"]), (FOLDER / f"{name}.bin").read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_the_graph_gives_what_torch_gives(tmp_path: Path, name: str) -> None:
    expected = [row if len(row) > 1 else row[0] for row in CASES[name]["scores"]]
    converted = convert([of_case(tmp_path, name)], columns=COLUMNS)
    assert converted.inputs == tuple(COLUMNS)
    assert require_equal(converted, ROWS, expected) < 1e-5


def test_eleven_layers_run_in_their_order(tmp_path: Path) -> None:
    # FATE sorts their names as text, which is why the recipe writes "02" and not "2".
    layers = [*CASES["perceptron"]["layers"][:2], *[["Identity", {}]] * 8, *CASES["perceptron"]["layers"][2:]]
    conf = described(layers)
    conf["kwargs"]["seq_conf"] = {f"{int(key):02}": layer for key, layer in conf["kwargs"]["seq_conf"].items()}
    weights = (FOLDER / "perceptron.bin").read_bytes()
    with pytest.raises(FateInputError, match=r"Layer 10 \(Linear\) has no weight of 1 x 3 numbers"):
        convert([packed(tmp_path, conf, weights)], columns=COLUMNS)  # those of the file are of layer 2


def test_columns_are_needed(tmp_path: Path) -> None:
    with pytest.raises(FateInputError, match="was trained on 4 columns, and columns=none"):
        convert([of_case(tmp_path, "perceptron")])


@pytest.mark.parametrize(
    ("layer", "module", "message"),
    [
        (["Conv1d", {}], "torch.nn", r"Layer 1 \(Conv1d\) cannot become part"),
        (["ReLU", {}], "my_layers", "a layer 'Linear' of 'my_layers'"),
        (["GELU", {"approximate": "tanh"}], "torch.nn", r"Layer 1 \(GELU\) with approximate='tanh' cannot"),
        (["Linear", {"in_features": 3, "out_features": 9}], "torch.nn", r"has no weight of 9 x 3 numbers"),
    ],
)
def test_what_has_no_counterpart_is_named(tmp_path: Path, layer: list[Any], module: str, message: str) -> None:
    layers = [CASES["perceptron"]["layers"][0], layer]
    conf = described(layers, module) if module != "torch.nn" else described(layers)
    with pytest.raises(FateInputError, match=message):
        convert([packed(tmp_path, conf, (FOLDER / "perceptron.bin").read_bytes())], columns=COLUMNS)


def test_a_network_with_code_of_its_own_is_named(tmp_path: Path) -> None:
    conf = {"module_name": "model", "item_name": "MyNet", "kwargs": {}}
    with pytest.raises(FateInputError, match="is 'MyNet', and not a sequence of layers"):
        convert([packed(tmp_path, conf, (FOLDER / "perceptron.bin").read_bytes())], columns=COLUMNS)


# --- weights ----------------------------------------------------------------------------------------------------------


def test_views_and_other_types_are_read() -> None:
    with (FOLDER / "other_types.bin").open("rb") as file:
        found = read_weights(file, "w")
    assert found["weight"].tolist() == [[0, 3], [1, 4], [2, 5]]  # a transposed view of bfloat16
    assert float(found["n"]) == 7


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("never",))


def saved(pickled: bytes, numbers: bytes = b"") -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("m/data.pkl", pickled)
        archive.writestr("m/data/0", numbers)
    return io.BytesIO(target.getvalue())


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (saved(pickle.dumps({"a": Evil()}, protocol=2)), "it would call __builtin__.print"),
        (saved(pickle.dumps({"a": 1}, protocol=2)), "something else than tensors"),
        (saved(pickle.dumps([1], protocol=2)), "the instruction EMPTY_LIST"),
        (saved(b"\x80\x02"), "cannot be read"),
        (io.BytesIO(b"no zip"), "not a zip"),
    ],
)
def test_anything_but_weights_is_refused_and_never_run(
    file: io.BytesIO, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FateModelPackageError, match=message):
        read_weights(file, "w")
    assert "never" not in capsys.readouterr().out


def test_a_tensor_that_is_larger_than_its_numbers_is_refused() -> None:
    with zipfile.ZipFile(FOLDER / "perceptron.bin") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[:8] if "/data/" in name else content)
    with pytest.raises(FateModelPackageError, match="larger than its numbers"):
        read_weights(io.BytesIO(target.getvalue()), "w")


def test_what_would_grow_when_it_is_read_is_refused() -> None:
    with zipfile.ZipFile(FOLDER / "perceptron.bin") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(FateModelPackageError, match="it is compressed"):
        read_weights(io.BytesIO(target.getvalue()), "w")
    with pytest.raises(Exception, match="larger than its numbers"):
        _view(np.zeros(3), 0, (10**9, 10**9), (0, 0))
