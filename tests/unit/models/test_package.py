"""A package is the same bytes for the same model, gives back what went in, and is refused when it was touched."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_fate.errors import FateModelPackageError
from airflow_provider_fate.models.package import open_package
from airflow_provider_fate.models.part import unpack_part
from tests.unit.models.samples import JSON_MODEL, META, package, rewritten, tar, unpacked

MEMBER = "parts/lr_0/output_model/json_model"


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    first = package(tmp_path / "a", [unpacked(tmp_path / "a", {"json_model": JSON_MODEL}, mtime=1.25)])
    second = package(tmp_path / "b", [unpacked(tmp_path / "b", {"json_model": JSON_MODEL}, mtime=99.75)])

    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256
    assert first.size == first.path.stat().st_size


def test_another_model_is_another_content(tmp_path: Path) -> None:
    first = package(tmp_path / "a")
    second = package(tmp_path / "b", [unpacked(tmp_path / "b", {"json_model": b"{}"})])

    assert first.manifest.content_sha256 != second.manifest.content_sha256


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    written = package(tmp_path)

    read = open_package(written.path, written.sha256)

    assert read == written
    part = read.part("lr_0")
    assert [file.path for file in part.files] == ["json_model", "json_model.meta.yaml"]
    with read.open(part, part.files[0]) as file:
        assert file.read() == JSON_MODEL
    with pytest.raises(FateModelPackageError, match=r"no model of task 'sbt_0'.*\nIt holds lr_0"):
        read.part("sbt_0")


def test_a_part_goes_back_into_fates_archive(tmp_path: Path) -> None:
    read = open_package(package(tmp_path).path)
    again, twice = io.BytesIO(), io.BytesIO()
    read.write_part(read.part("lr_0"), again)
    read.write_part(read.part("lr_0"), twice)

    assert again.getvalue() == twice.getvalue()
    again.seek(0)
    (folder := tmp_path / "again").mkdir()
    part = unpack_part(again, folder, task="lr_0", component="homo_lr", provider="fate:2.2.0@local").part
    assert part == read.part("lr_0")


# --- touched ----------------------------------------------------------------------------------------------------------


def flip(files: dict[str, bytes]) -> None:
    files[MEMBER] = files[MEMBER].replace(b"0.25", b"0.26")


def add(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: b"x"})


def manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | changes).encode()

    return change


def rename(files: dict[str, bytes]) -> None:
    """A path that leads out of the archive, in the zip and in the manifest alike."""
    files["parts/lr_0/output_model/../../../../etc/cron.d/x"] = files.pop(MEMBER)
    files["manifest.json"] = files["manifest.json"].replace(b'"json_model"', b'"../../../../etc/cron.d/x"', 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (flip, f"'{MEMBER}' has another checksum"),
        (lambda files: files.pop(MEMBER), f"'{MEMBER}' is missing"),
        (lambda files: files.pop("manifest.json"), "it is another zip"),
        (add("parts/lr_0/output_model/evil.pkl"), "stands in it, and not in its manifest"),
        (add("../../etc/passwd"), "stands in it, and not in its manifest"),
        (rename, "is not the name of a file of a model"),
        (manifest(content_sha256="0" * 64), "content_sha256 is not that of the parts"),
        (manifest(party_id="../9999"), r"party_id: .* is not an id of FATE"),
        (manifest(format_version=2), "format_version"),
        (manifest(extra="x"), "extra"),
        (lambda files: files.update({"manifest.json": b"{"}), "its manifest cannot be right"),
    ],
)
def test_a_package_that_was_changed_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], says: str
) -> None:
    changed = rewritten(package(tmp_path).path, change)

    with pytest.raises(FateModelPackageError, match=says):
        open_package(changed)


def test_another_package_than_the_one_that_is_meant_is_refused(tmp_path: Path) -> None:
    written = package(tmp_path)

    with pytest.raises(FateModelPackageError, match=f"has sha256 {written.sha256}, and not {'0' * 64}"):
        open_package(written.path, "0" * 64)


def test_what_is_compressed_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = rewritten(
        package(tmp_path).path,
        lambda files: files.update({MEMBER: bytes(10_000_000)}),
        compression=zipfile.ZIP_DEFLATED,
    )

    with pytest.raises(FateModelPackageError, match="is compressed or encrypted"):
        open_package(bomb)


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = package(tmp_path).path
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("parts/lr_0/output_model/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(FateModelPackageError, match="is a link, a folder or a device") as caught:
        open_package(path)
    assert caught.value.member == "parts/lr_0/output_model/link"


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    path = package(tmp_path).path
    content = bytearray(path.read_bytes())
    # The size of the last file in the directory of the zip, and in front of its data.
    at = content.rindex(b"PK\x01\x02") + 20
    content[at : at + 8] = (1 << 24).to_bytes(4, "little") * 2
    path.write_bytes(content)

    with pytest.raises(FateModelPackageError, match="its files overlap"):
        open_package(path)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04"])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "model.zip").write_bytes(content)

    with pytest.raises(FateModelPackageError, match="is not a zip, or a damaged one"):
        open_package(path, name="s3://models/model.zip")


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_package_that_broke_off_is_refused(tmp_path: Path, cut: float) -> None:
    path = package(tmp_path).path
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])

    with pytest.raises(FateModelPackageError):
        open_package(path)


def test_the_archive_of_a_part_is_as_it_is_read(tmp_path: Path) -> None:
    (folder := tmp_path / "x").mkdir()
    files = {"json_model": JSON_MODEL, "json_model.meta.yaml": META}
    part = unpack_part(tar(files), folder, task="lr_0", component="homo_lr", provider=None)

    assert {name: part.places[name].read_bytes() for name in part.places} == files
