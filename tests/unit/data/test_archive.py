import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.data.archive import ArchiveLimits, read_archive
from airflow_provider_fate.errors import FateArchiveError, is_transient

CSV = b"extend_sid,id,y\n" + b"".join(b"0f%d,p%d,1\n" % (i, i) for i in range(2000))
META = b'{"header": ["extend_sid", "id", "y"]}'
MTIME = 1795524633.2636082  # FATE-Flow's have fractions, for which tarfile writes extended headers


def entry(name, content=b"", *, kind=tarfile.REGTYPE, link="", pax=None):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mtime = len(content), kind, link, MTIME
    info.pax_headers = pax or {}
    return info, content


def pack(*entries, layout=tarfile.PAX_FORMAT, tail=b""):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=layout) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if content else None)
    return gzip.compress(raw.getvalue() + tail)


GOOD = pack(entry("data/0.csv", CSV), entry("data/0.meta", META))


def unpack(archive, **limits):
    return {m.name: m.data.read() for m in read_archive(io.BytesIO(archive), ArchiveLimits(**limits))}


def test_files_come_out_as_they_went_in():
    assert unpack(GOOD) == {"data/0.csv": CSV, "data/0.meta": META}


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_every_layout_of_tar_is_read(layout):
    assert unpack(pack(entry("train_output_data/12.csv", CSV), layout=layout)) == {"train_output_data/12.csv": CSV}


def test_a_long_output_key_travels_in_an_extended_header():
    name = "k" * 180 + "/0.csv"
    assert unpack(pack(entry(name, CSV))) == {name: CSV}


def test_what_is_not_read_of_a_file_is_passed_over():
    archive = pack(*(entry(f"fold/{i}.csv", CSV) for i in range(3)))
    read = [(m.key, m.index, m.kind, m.data.read(10)) for m in read_archive(io.BytesIO(archive))]
    assert read == [("fold", i, "csv", CSV[:10]) for i in range(3)]


def test_an_empty_file_is_one():
    assert unpack(pack(entry("data/0.csv"))) == {"data/0.csv": b""}


# --- tampered ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry("../../etc/cron.d/0.csv", b"x"), "leads out of the archive"),
        (entry("data/../../0.csv", b"x"), "leads out of the archive"),
        (entry("..\\..\\0.csv", b"x"), "leads out of the archive"),
        (entry("/etc/passwd", b"x"), "absolute path"),
        (entry("C:/data/0.csv", b"x"), "absolute path"),
        (entry("data/0.csv", kind=tarfile.SYMTYPE, link="/etc/passwd"), "a symbolic link"),
        (entry("data/0.csv", kind=tarfile.LNKTYPE, link="data/0.meta"), "a hard link"),
        (entry("data/0.csv", kind=tarfile.CHRTYPE), "a character device"),
        (entry("data/0.csv", kind=tarfile.BLKTYPE), "a block device"),
        (entry("data/0.csv", kind=tarfile.FIFOTYPE), "a pipe"),
        (entry("data", kind=tarfile.DIRTYPE), "a directory"),
        (entry("data/0.exe", b"x"), "is not a file of a table"),
        (entry("0.csv", b"x"), "is not a file of a table"),
        (entry("data/deep/0.csv", b"x"), "is not a file of a table"),
        (entry("data/0.csv\n", b"x"), "is not a file of a table"),
        (entry(".hidden/0.csv", b"x"), "is not a file of a table"),
        (entry("data/0.csv", b"x", pax={"linkpath": "/etc/passwd"}), "sets 'linkpath'"),
        (entry("data/0.csv", b"x", pax={"GNU.sparse.size": "999999999999"}), "sets 'GNU.sparse.size'"),
    ],
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_what_fate_never_sends_is_refused(bad, says, place):
    good = [entry("data/0.meta", META), entry("data/1.csv", CSV)]
    with pytest.raises(FateArchiveError, match=says) as e:
        unpack(pack(*([bad, *good] if place == "first" else [*good, bad])))
    assert not e.value.damaged
    assert not is_transient(e.value)


def test_a_path_that_is_hidden_in_an_extended_header_is_refused():
    # tarfile itself would write the real name into the plain header; so this one is made by hand.
    info, _ = entry("data/0.csv", b"x")
    record = b"21 path=../etc/0.csv\n"
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    blocks = extended.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    info.mtime = 0
    blocks += info.tobuf(tarfile.USTAR_FORMAT) + b"x".ljust(512, b"\0") + bytes(1024)
    with pytest.raises(FateArchiveError, match="leads out of the archive"):
        unpack(gzip.compress(blocks))


def test_two_files_of_one_name_are_refused():
    with pytest.raises(FateArchiveError, match=r"two files named 'data/0\.csv'"):
        unpack(pack(entry("data/0.csv", CSV), entry("data/0.csv", b"other")))


def test_too_many_files_are_refused():
    with pytest.raises(FateArchiveError, match="more than 3 files"):
        unpack(pack(*(entry(f"data/{i}.csv", b"x") for i in range(4))), members=3)


def test_something_behind_the_end_is_refused():
    with pytest.raises(FateArchiveError, match="behind its end"):
        unpack(pack(entry("data/0.csv", CSV), tail=b"more"))


def test_a_bomb_is_refused_before_it_has_gone_off():
    size = 200 << 20
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb") as packed:
        info = tarfile.TarInfo("data/0.csv")
        info.size = size
        packed.write(info.tobuf())
        for _ in range(size >> 20):
            packed.write(bytes(1 << 20))
    bomb = io.BytesIO(raw.getvalue())
    with pytest.raises(FateArchiveError, match="as only a bomb does"):
        list(read_archive(bomb))
    assert bomb.tell() < len(raw.getvalue()) / 2


def test_a_file_is_never_in_memory_whole():
    archive = pack(entry("data/0.csv", bytes(range(256)) * 8192))
    member = next(read_archive(io.BytesIO(archive)))
    assert member.size == 2 << 20
    assert 0 < len(member.data.raw.read(member.size)) <= 256 * 1024


def test_more_than_was_allowed_is_refused_before_it_is_read():
    with pytest.raises(FateArchiveError, match=f"says that it has {len(CSV):,} bytes"):
        unpack(pack(entry("data/0.csv", CSV)), unpacked=10_000)
    with pytest.raises(FateArchiveError, match="unpacks to more than 30,000 bytes"):
        unpack(pack(entry("data/0.csv", CSV), entry("data/0.meta", META)), unpacked=30_000)


def test_an_extended_header_that_would_fill_the_memory_is_refused():
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(FateArchiveError, match="an extended header has"):
        unpack(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))


# --- damaged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_an_archive_that_breaks_off_is_damaged(share):
    with pytest.raises(FateArchiveError, match="damaged") as e:
        unpack(GOOD[: int(len(GOOD) * share)])
    assert is_transient(e.value)


def test_a_tar_that_breaks_off_in_a_whole_gzip_is_damaged():
    raw = gzip.decompress(GOOD)
    for length in (100, 512, 5000, len(CSV) + 1024):
        with pytest.raises(FateArchiveError, match="damaged"):
            unpack(gzip.compress(raw[:length]))


def test_a_wrong_checksum_is_damage():
    with pytest.raises(FateArchiveError, match="CRC"):
        unpack(GOOD[:-8] + bytes(4) + GOOD[-4:])


@pytest.mark.parametrize(
    "content",
    [b"<html>502 Bad Gateway</html>", b"PK\x03\x04", gzip.compress(b"no tar" * 1000)],
    ids=["page", "zip", "gzip"],
)
def test_something_else_than_an_archive_is_damage(content):
    with pytest.raises(FateArchiveError, match="damaged"):
        unpack(content)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_never_goes_unnoticed(place, change):
    archive = bytearray(GOOD)
    archive[place] ^= change
    try:
        files = unpack(bytes(archive))
    except FateArchiveError:
        return
    assert files == {"data/0.csv": CSV, "data/0.meta": META}  # in gzip's header some bytes mean nothing


@given(st.binary(max_size=3000))
def test_nonsense_is_never_more_than_an_archive_error(content):
    for archive in (content, gzip.compress(content)):
        with pytest.raises(FateArchiveError):
            unpack(archive)
