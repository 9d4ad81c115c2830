import hashlib
import random

import pyarrow as pa
import pytest

from airflow_provider_fate.data.duplicates import SeenIds
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
