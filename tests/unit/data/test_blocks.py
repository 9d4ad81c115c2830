import io
import random
import threading

import pytest

from airflow_provider_fate.data.source import BlockReader, PieceReader, blocks

CONTENT = random.Random(3).randbytes(10_007)


def reader(asked=None, content=CONTENT, **kwargs):
    def fetch(begin, end):
        if asked is not None:
            asked.append((begin, end))
        return content[begin:end]

    return BlockReader(fetch, len(CONTENT), **{"block": 1000, "ahead": 2} | kwargs)


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 1001, 20_000])
def test_it_reads_what_is_there(size):
    with reader() as file:
        assert b"".join(iter(lambda: file.read(size), b"")) == CONTENT


def test_it_can_be_read_whole_from_the_middle_and_from_the_end():
    with reader() as file:
        assert file.read() == CONTENT
        assert file.seek(4321) == 4321
        assert file.read(10) == CONTENT[4321:4331]
        assert file.seek(-7, io.SEEK_END) == len(CONTENT) - 7
        assert file.read(100) == CONTENT[-7:]
        buffer = bytearray(10)
        file.seek(5)
        assert file.readinto(buffer) == 10
        assert buffer == CONTENT[5:15]


def test_each_block_is_asked_for_once_and_going_back_a_little_costs_nothing():
    asked = []
    with reader(asked) as file:
        file.read(8)
        file.seek(0)
        file.read()
    assert sorted(asked) == [(begin, min(begin + 1000, len(CONTENT))) for begin in range(0, len(CONTENT), 1000)]


def test_the_next_blocks_are_under_way_while_one_is_read():
    together = threading.Barrier(3, timeout=10)

    def fetch(begin, end):
        if begin < 3000:
            together.wait()  # passes only when three are asked for at once
        return CONTENT[begin:end]

    with BlockReader(fetch, len(CONTENT), block=1000, ahead=2) as file:
        assert file.read(1) == CONTENT[:1]


def test_what_the_store_says_is_raised_where_it_is_read_and_asked_again():
    failures = [FileNotFoundError("gone")]

    def fetch(begin, end):
        if begin == 0 and failures:
            raise failures.pop()
        return CONTENT[begin:end]

    with BlockReader(fetch, len(CONTENT), block=1000, ahead=1) as file:
        with pytest.raises(FileNotFoundError):
            file.read(10)
        assert file.read(10) == CONTENT[:10]


def test_a_file_that_has_become_shorter_is_an_error():
    with reader(content=CONTENT[:5500]) as file, pytest.raises(OSError, match="shorter"):
        file.read()


def test_a_file_can_be_read_piece_by_piece(monkeypatch):
    monkeypatch.setattr(blocks, "_READ_AHEAD", 1000)
    asked = []

    def fetch(begin, end):
        asked.append((begin, end))
        return CONTENT[begin:end]

    with PieceReader(fetch, len(CONTENT)) as file:
        for position, size in [(9_999, 100), (20, 5), (300, 200), (500, 100), (600, 900), (1_450, 100), (1_600, 10)]:
            file.seek(position)
            assert file.read(size) == CONTENT[position : position + size]
    # What follows what was read is asked for with 1000 bytes, and kept.
    assert asked == [(9_999, 10_007), (20, 25), (300, 500), (500, 1_500), (1_500, 2_500)]


@pytest.mark.parametrize("seed", range(20))
def test_pieces_are_right_in_whatever_order_they_are_read(seed, monkeypatch):
    monkeypatch.setattr(blocks, "_READ_AHEAD", 1000)
    chance = random.Random(seed)
    with PieceReader(lambda begin, end: CONTENT[begin:end], len(CONTENT)) as file:
        for _ in range(200):
            if chance.random() < 0.4:
                file.seek(chance.randrange(len(CONTENT)))
            position, size = file.tell(), chance.randrange(1, 3_000)
            assert file.read(size) == CONTENT[position : position + size]
