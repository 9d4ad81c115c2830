"""Files of safetensors are read as they are, and refused where they are not what they say."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save

from airflow_provider_fate.errors import FateModelPackageError
from airflow_provider_fate.llm.tensor_file import read_tensor_file

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FLOATS = st.sampled_from([np.float16, np.float32, np.float64]).flatmap(lambda kind: arrays.arrays(kind, SHAPES))


@given(tensors=st.dictionaries(st.text(min_size=1, max_size=9).filter(lambda name: name != "__metadata__"), FLOATS))
def test_what_the_library_writes_is_read(tensors: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("tensors") / "a.safetensors"
    file.write_bytes(save(tensors, {"format": "pt"}))
    found = read_tensor_file(file)
    assert {name: facts.shape for name, facts in found.tensors.items()} == {n: t.shape for n, t in tensors.items()}
    for name, tensor in tensors.items():
        expected = float(np.max(np.abs(tensor))) if tensor.size else 0.0
        assert found.largest(name) == expected or (np.isnan(expected) and np.isnan(found.largest(name)))


def test_numbers_of_sixteen_bits_for_brains_are_read(tmp_path: Path) -> None:
    header = {"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
    upper = [np.float32(value).tobytes()[2:] for value in (1.0, -2.5, 0.0)]
    file = written(tmp_path, header, b"".join(upper))
    assert read_tensor_file(file).largest("x") == 2.5


def written(folder: Path, header: Any, numbers: bytes) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = folder / "a.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return file


def entry(start: int, end: int, shape: Any, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "numbers", "said"),
    [
        (b"{}", b"x", "takes? "),
        (b"[]", b"", "no mapping"),
        (b"{" * 500, b"", "no JSON"),
        ({"x": entry(0, 4, [2])}, b"1234", "not as many numbers"),
        ({"x": entry(0, 4, [-1])}, b"1234", "cannot be read"),
        ({"x": entry(0, 4, [1], "OBJ")}, b"1234", "cannot be read"),
        ({"x": entry(-8, -4, [1])}, b"1234", "not as many"),
        ({"x": entry(0, 4, [1]), "y": entry(0, 4, [1])}, b"1234", "overlap"),
        ({"x": entry(4, 8, [1])}, b"12345678", "leave a gap"),
        ({"x": entry(0, 4, [1])}, b"12345678", "tensors take"),
        ({"x": [1]}, b"", "cannot be read"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path: Path, header: Any, numbers: bytes, said: str) -> None:
    with pytest.raises(FateModelPackageError, match=said):
        read_tensor_file(written(tmp_path, header, numbers))


@pytest.mark.parametrize("content", [b"", b"1234567", struct.pack("<Q", 1 << 60) + b"{}"])
def test_what_is_too_short_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    with pytest.raises(FateModelPackageError, match="no file of safetensors"):
        read_tensor_file(file)


def test_numbers_that_are_no_fractions_have_no_largest(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(save({"x": np.ones(2, np.int64)}))
    with pytest.raises(FateModelPackageError, match="of type I64"):
        read_tensor_file(file).largest("x")
