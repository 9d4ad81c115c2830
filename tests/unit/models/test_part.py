"""What a site sends as a model is looked at before anything of it is used, and nothing of it ever runs."""

from __future__ import annotations

import collections
import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateArchiveError
from airflow_provider_fate.models.part import UnpackedPart, unpack_part
from airflow_provider_fate.models.pickles import foreign_names
from tests.unit.models.samples import META, tar

RAN = Path("/tmp/a-pickle-of-the-tests-ran")


class Evil:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (RAN,)


def torch_file(pickled: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file as ``torch.save`` writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.writestr("pytorch_model/data.pkl", pickled)
        archive.writestr("pytorch_model/data/0", bytes(16))
    return target.getvalue()


# A state dict without tensors: what names a tensor needs torch, and stands in the test of a real model.
WEIGHTS = torch_file(pickle.dumps(collections.OrderedDict(a=1), protocol=2))
EVIL = pickle.dumps(Evil(), protocol=2)
OLD = b"cos\nsystem\n(S'true'\ntR."


def unpack(folder: Path, files: dict[str, bytes]) -> UnpackedPart:
    given = tar({**files, "model_directory.meta.yaml": META})
    return unpack_part(given, folder, task="nn_0", component="homo_nn", provider=None)


def test_weights_are_kept_and_code_is_left_out_and_named(tmp_path: Path) -> None:
    part = unpack(tmp_path, {"pytorch_model.bin": WEIGHTS, "training_args.bin": torch_file(EVIL), "notes.txt": b"x"})

    assert [file.path for file in part.part.files] == ["model_directory.meta.yaml", "notes.txt", "pytorch_model.bin"]
    (left_out,) = part.part.left_out
    assert left_out.path == "training_args.bin"
    assert left_out.reason.startswith("pickled code, never loaded: ")
    assert "pathlib.PosixPath" in left_out.reason
    assert not RAN.exists()
    assert len(list(tmp_path.iterdir())) == 3, "what is left out is not on the disk either"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training_args.bin", torch_file(EVIL)),
        ("training_args.bin", torch_file(EVIL, compression=zipfile.ZIP_DEFLATED)),
        ("optimizer.pt", EVIL),
        ("rng_state.pth", OLD),
        ("rng_state.pth", OLD[:-1] + b"garbage"),
        ("scheduler.pt", pickle.dumps(1, protocol=2) * 4 + EVIL),
        ("model.pkl", pickle.dumps({})),
        ("model.joblib", b"anything"),
        ("new.pt", pickle.dumps(collections.OrderedDict(), protocol=4)),
        ("broken.bin", b"PK\x03\x04 no zip"),
    ],
)
def test_what_would_run_code_is_left_out(tmp_path: Path, name: str, content: bytes) -> None:
    part = unpack(tmp_path, {name: content, "json_model": b"{}"})

    assert [left_out.path for left_out in part.part.left_out] == [name]
    assert not RAN.exists()


@pytest.mark.parametrize("content", [torch_file(EVIL), EVIL, OLD, b"PK\x03\x04"])
def test_weights_that_would_run_code_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FateArchiveError, match=r"pytorch_model\.bin would run code when it is loaded") as caught:
        unpack(tmp_path, {"pytorch_model.bin": content})
    assert not caught.value.damaged
    assert not RAN.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("json_model", b"\x00\x01"), ("weights.bin", b"\x01\x02numbers"), ("model.safetensors", b"{}"), ("a.pt", b"")],
)
def test_what_is_no_pickle_names_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    (path := tmp_path / "x").write_bytes(content)
    assert foreign_names(path, name) == frozenset()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", ".hidden", "a//b", "a b", "x\n", "a/b/c/d/e/f/g/h/i", "a\\b", "ä"]
)
def test_a_name_that_fate_does_not_give_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FateArchiveError, match="refused"):
        unpack(tmp_path, {name: b"x"})


def test_links_are_refused(tmp_path: Path) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        link = tarfile.TarInfo("pytorch_model.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    target.seek(0)
    with pytest.raises(FateArchiveError, match="a symbolic link"):
        unpack_part(target, tmp_path, task="nn_0", component="homo_nn", provider=None)


def test_an_archive_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    whole = tar({"json_model": bytes(5000), "json_model.meta.yaml": META}).getvalue()
    with pytest.raises(FateArchiveError, match="it breaks off") as caught:
        unpack_part(io.BytesIO(whole[:3000]), tmp_path, task="lr_0", component="homo_lr", provider=None)
    assert caught.value.damaged


@pytest.mark.parametrize("meta", [None, b"[1]", b"a: [", b"!!python/object/apply:os.system [true]", b"\xff\xfe"])
def test_a_model_without_fates_description_is_refused(tmp_path: Path, meta: bytes | None) -> None:
    files = {"json_model": b"{}"} if meta is None else {"json_model": b"{}", "json_model.meta.yaml": meta}
    with pytest.raises(FateArchiveError, match=r"model of task lr_0 is refused"):
        unpack_part(tar(files), tmp_path, task="lr_0", component="homo_lr", provider=None)
