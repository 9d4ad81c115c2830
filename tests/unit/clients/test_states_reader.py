"""``StatesReader``: however a page comes in pieces, its states are those of the whole, and the page is never kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState
from airflow_provider_fate.clients.fate_flow.models.state import StatesReader, states_of

ROOT = Path(__file__).resolve().parents[3]
PIECE = 65_536
"""What httpx reads of a socket at once."""


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A record of about 7 kB, with the sorted fields of a real one; a text in it looks like the end of a record."""
    text = '}, {"apply_resource_time": 1}], "data": [{"apply_resource_time": "'
    return {
        "apply_resource_time": 1_795_381_779_441,
        "dag": {"dag": {"tasks": {f"t_{i}": {"data": [{"a": 1}, {"a": 2}], "text": text * 5} for i in range(16)}}},
        "job_id": f"2026112400000000{number:05}",
        "party_id": "9999",
        "progress": number % 100,
        "role": "guest",
        "status": "waiting",
        "update_time": 1_795_381_929_224 + number,
        **changes,
    }


def page(records: Sequence[dict[str, Any]], **rest: Any) -> bytes:
    return json.dumps(
        {"code": 0, "data": {"count": len(records), "data": records}, "message": "success", **rest}
    ).encode()


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def read(body: bytes, size: int = PIECE) -> list[JobState]:
    reader = StatesReader()
    for piece in pieces(body, size):
        reader.feed(piece)
    return states_of(reader.finish()["data"])


def said(records: Sequence[dict[str, Any]]) -> list[JobState]:
    return [JobState.of(JobRecord.model_validate(r)) for r in records]


@pytest.mark.parametrize("size", [997, PIECE, 10_000_000])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_a_page_is_read_in_pieces(count: int, size: int) -> None:
    records = [record(number) for number in range(count)]
    assert read(page(records), size) == said(records)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=20),
    weights=st.lists(st.integers(0, 90_000), max_size=12),
    odd=st.sets(st.integers(0, 11)),
)
def test_neither_pieces_nor_sizes_of_records_matter(sizes: list[int], weights: list[int], odd: set[int]) -> None:
    records = [
        record(number, description="[{" * (weight // 2), **({"dag": {"x": float("nan")}} if number in odd else {}))
        for number, weight in enumerate(weights)
    ]
    body, reader, at, turn = page(records), StatesReader(), 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        reader.feed(body[at : at + size])
        at, turn = at + size, turn + 1
    assert states_of(reader.finish()["data"]) == said(records)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"dag": {"x": float("nan")}}, id="NaN"),
        pytest.param({"party_id": 9999, "job_id": 202611240000000500001}, id="numbers for ids"),
        pytest.param({"apply_resource_time": None, "aaa": 1}, id="another first field"),
        pytest.param({"dag": None}, id="no DAG"),
    ],
)
@pytest.mark.parametrize("where", [0, 50, 99])
def test_an_unusual_record_among_others_is_read_thoroughly(changes: dict[str, Any], where: int) -> None:
    records = [record(number) for number in range(100)]
    records[where] = dict(sorted({**records[where], **changes}.items()))
    assert read(page(records)) == said(records)


def test_a_record_may_hold_what_records_begin_with() -> None:
    inner = {"apply_resource_time": 1, "data": [{"apply_resource_time": None}, {"apply_resource_time": 2}]}
    records = [record(number, parties=[], dag={"x": [inner] * 200}) for number in range(100)]
    assert read(page(records)) == said(records)


MEMORY = """
import tracemalloc
from tests.unit.clients.test_states_reader import page, read, record

body = page([record(number) for number in range(1000)])
assert len(body) > 6_500_000
read(body)
tracemalloc.start()
states = read(body)
most = tracemalloc.get_traced_memory()[1]
assert len(states) == 1000
assert most < 1_000_000, most
"""


def test_a_long_page_is_never_in_memory_at_once() -> None:
    # In a process of its own: to start and stop tracing beside other threads can crash Python.
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_nothing_of_an_unusual_page_is_read_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN in every record: the event loop gets its turn between pieces, so each must be short."""
    longest = 0
    loads = json.loads

    def measured(text: Any) -> Any:
        nonlocal longest
        longest = max(longest, len(text))
        return loads(text)

    monkeypatch.setattr(json, "loads", measured)
    records = [record(number, dag={"x": float("nan"), "y": "z" * 7000}) for number in range(500)]
    assert read(page(records)) == said(records)
    assert 0 < longest < 2 * PIECE


def test_the_rest_of_the_envelope_is_kept() -> None:
    reader = StatesReader()
    for piece in pieces(page([record(n) for n in range(50)], code=7, message="well", job_id=None), PIECE):
        reader.feed(piece)
    envelope = reader.finish()
    assert (envelope["code"], envelope["message"]) == (7, "well")


@pytest.mark.parametrize("cut", [10, 60_000, 300_000, -3])
def test_a_page_that_was_cut_off_is_no_page(cut: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(page([record(n) for n in range(50)])[:cut])


def test_a_record_without_its_id_is_no_record() -> None:
    records = [record(n) for n in range(50)]
    del records[20]["job_id"]
    with pytest.raises(ValueError, match="job_id"):
        read(page(records))


def test_what_is_no_page_at_all_is_kept_for_the_message() -> None:
    reader = StatesReader()
    for piece in pieces(b"<html>" + b"x" * 500_000, PIECE):
        reader.feed(piece)
    assert reader.rest.startswith(b"<html>")
    with pytest.raises(ValueError, match=r".+"):
        reader.finish()


def test_the_records_of_a_real_server_are_read_in_pieces() -> None:
    recorded = json.loads((Path(__file__).parents[2] / "recordings/traffic/job_list_query__paged.json").read_text())
    body = recorded["body"]
    body["data"]["data"] *= 30
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()  # as Flask writes it
    reader = StatesReader()
    most = 0
    for piece in pieces(text, PIECE):
        reader.feed(piece)
        most = max(most, len(reader.rest))
    assert states_of(reader.finish()["data"]) == said(body["data"]["data"])
    assert most < PIECE < len(text)
