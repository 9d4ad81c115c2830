import hashlib
import random
import tempfile
import tracemalloc
from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_fate.data.duplicates import SeenIds, hashes
from airflow_provider_fate.data.ids import IdRule


def apply(rule, *ids):
    return rule.apply(pa.array(ids)).to_pylist()


def test_ids_are_left_alone_unless_somebody_says_so():
    assert apply(IdRule(), " A1 ", "é") == [" A1 ", "é"]


def test_ids_are_made_alike_before_they_are_hashed():
    digest = hashlib.sha256(b"pepper" + "é7".encode()).hexdigest()
    assert apply(IdRule(strip=True, case="lower", salt="pepper"), " É7", "é7") == [digest, digest]


def test_a_salt_is_never_shown_and_still_told_from_another():
    rule, other = IdRule(salt="pepper"), IdRule(salt="paprika")
    assert "pepper" not in f"{rule!r}{rule}{rule.name}"
    assert len({rule.name, other.name, IdRule().name, IdRule(salt="").name}) == 4


@pytest.mark.parametrize("count", [0, 1, 1_000, 1_200_000])
def test_equal_ids_are_found_wherever_they_are(count):
    ids = [f"id{i}" for i in range(count)]
    seen = SeenIds()
    for begin in range(0, count, 100_000):
        seen.add(pa.array(ids[begin : begin + 100_000]))
    assert seen.first_twice() is None
    if count:
        place = random.Random(count).randrange(count)
        seen.add(pa.array([ids[place]]))
        assert seen.first_twice() == (place + 1, count + 1)


def test_memory_does_not_grow_with_the_ids(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    peaks = []
    for count in (2_000_000, 4_000_000):
        tracemalloc.start()
        with closing(SeenIds()) as seen:
            for begin in range(0, count, 100_000):
                seen.add(pa.array(np.arange(begin, begin + 100_000)).cast(pa.string()))
            assert seen.first_twice() is None
            assert list(tmp_path.iterdir()) == []  # the file has no name, so nothing can be left of it
            seen.add(pa.array([str(count - 1)]))
            assert seen.first_twice() == (count, count + 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4_000_000  # where the hashes of two million more take 16 MB


def test_no_room_for_the_hashes_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    some = pa.array(np.arange(200_000)).cast(pa.string())
    with closing(SeenIds()) as seen:
        seen.add(some)
        with pytest.raises(OSError, match=r"hashes of 400,000 ids.*TMPDIR.*missing"):
            seen.add(some)


def test_an_id_has_one_hash_wherever_it_is():
    ids = ["a", "ab", "12345678", "123456789", "é" * 11, "x" * 64, "x" * 63 + "y", "a\x01", "b"]
    known = dict(zip(ids, hashes(pa.array(ids)).tolist(), strict=True))
    assert len(set(known.values())) == len(ids)
    for begin in range(len(ids)):
        some = pa.array(["before", *ids, "behind"])[1 + begin :]
        assert hashes(some).tolist()[:-1] == [known[one] for one in ids[begin:]]
        assert hashes(pa.array(ids[begin : begin + 1])).tolist() == [known[ids[begin]]]
    assert hashes(pa.array([], pa.string())).tolist() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda n: f"{n}",
        lambda n: f"customer-{n:09d}",
        lambda n: f"{n:032x}",
        lambda n: f"{'x' * 20}{n % 1000}{'y' * 20}{n // 1000}",
        lambda n: hashlib.sha256(str(n).encode()).hexdigest(),
        lambda n: chr(65 + n % 50) * (1 + n // 50 % 100) + "-" * (n // 5000),
    ],
)
def test_hashes_of_ids_that_differ_little_differ(make):
    ids = pa.array([make(n) for n in range(100_000)])
    found = hashes(ids)
    assert len(np.unique(found)) == 100_000
    # Each bit is set in about half of them.
    share = [float(((found >> np.uint64(bit)) & np.uint64(1)).mean()) for bit in range(64)]
    assert all(0.49 < one < 0.51 for one in share)
