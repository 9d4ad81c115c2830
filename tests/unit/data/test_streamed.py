import io

import pytest

from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource, StreamReader, streamed
from airflow_provider_fate.data.stream import TableStream

CONTENT = ("id,x\n" + "".join(f"{i},{i}.5\n" for i in range(400_000))).encode()


class Broke(Exception):
    pass


class Store:
    """Gives the content, and breaks off whenever so many bytes of a request were read."""

    def __init__(self, breaks_after=None, answers_early=False):
        self.asked = []
        self.breaks_after = breaks_after
        self.answers_early = answers_early

    def open_at(self, position):
        self.asked.append(position)
        end = len(CONTENT) if self.breaks_after is None else position + self.breaks_after
        body = io.BytesIO(CONTENT[position:end])
        store = self

        class Body:
            def read(self, size):
                piece = body.read(size)
                if not piece and size and not store.answers_early and position + body.tell() < len(CONTENT):
                    raise Broke("connection reset")
                return piece

            def close(self):
                body.close()

        return Body()

    def reader(self):
        return StreamReader(self.open_at, len(CONTENT), (Broke,))


def rest(reader):
    """As Arrow reads it."""
    return b"".join(iter(lambda: reader.read(300_000), b""))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(streamed.time, "sleep", lambda seconds: None)


def test_a_file_is_read_by_one_request():
    store = Store()
    reader = store.reader()
    assert reader.read(8) == CONTENT[:8]
    reader.seek(0)  # to tell the format
    assert reader.read(1_000_000) == CONTENT[:1_000_000]
    reader.seek(0)  # to read the header
    assert rest(reader) == CONTENT
    assert store.asked == [0]


def test_to_read_it_again_takes_another_request():
    store = Store()
    reader = store.reader()
    assert rest(reader) == CONTENT
    reader.seek(0)
    assert rest(reader) == CONTENT
    assert len(store.asked) == 2


@pytest.mark.parametrize("early", [False, True])
def test_what_breaks_off_is_read_on_from_there(early, caplog):
    store = Store(breaks_after=700_000, answers_early=early)
    source = FileSource(lambda _: store.reader(), "s3://bucket/key", file_size=len(CONTENT))
    assert b"".join(TableStream(source, Shape())) == CONTENT
    assert store.asked == list(range(0, len(CONTENT), 700_000))
    assert "Reading broke off at byte 700000" in caplog.text


def test_what_breaks_off_again_and_again_is_given_up():
    store = Store(breaks_after=0)
    with pytest.raises(OSError, match="broke off at byte 0 again and again: connection reset"):
        store.reader().read(10)
    assert len(store.asked) == 6
