"""Reading an object of S3 where the store does not play along. What it is when it does is tested on a real one."""

from __future__ import annotations

import io

import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody
from tenacity import nap

from airflow_provider_fate.errors import FateDataError
from airflow_provider_fate.storage.s3 import S3Object

CONTENT = b"0123456789" * 100


class Store:
    """As much of a boto3 client as is used; answers break off so many times."""

    def __init__(self, breaks=0, refuses=None, below=0):
        self.asked = []
        self.breaks = breaks
        self.refuses = refuses
        self.below = below

    def get_object(self, *, Bucket, Key, IfMatch, Range):
        self.asked.append((Bucket, Key, IfMatch, Range))
        self._refuse("GetObject")
        begin, end = map(int, Range.removeprefix("bytes=").split("-"))
        piece = CONTENT[begin : end + 1]
        self.breaks -= 1
        sent = piece if self.breaks < 0 else piece[: len(piece) // 2]
        return {"Body": StreamingBody(io.BytesIO(sent), len(piece))}

    def head_object(self, *, Bucket, Key):
        self._refuse("HeadObject")
        return {"ContentLength": len(CONTENT), "ETag": '"one"'}

    def list_objects_v2(self, *, Bucket, Prefix, MaxKeys):
        assert Prefix == "folder/key/"
        return {"KeyCount": self.below}

    def _refuse(self, operation):
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": "no"}}, operation)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(nap.time, "sleep", lambda seconds: None)


def test_a_piece_is_asked_for_by_its_version():
    store = Store()
    assert S3Object(store, "bucket/folder/key").fetch('"one"', 10, 25) == CONTENT[10:25]
    assert store.asked == [("bucket", "folder/key", '"one"', "bytes=10-24")]


def test_what_breaks_off_is_asked_for_again(caplog):
    store = Store(breaks=3)
    assert S3Object(store, "bucket/key").fetch('"one"', 0, 100) == CONTENT[:100]
    assert len(store.asked) == 4
    assert "50 read, but total bytes expected is 100" in caplog.text


def test_what_breaks_off_again_and_again_is_given_up():
    store = Store(breaks=100)
    with pytest.raises(IncompleteReadError):
        S3Object(store, "bucket/key").fetch('"one"', 0, 100)
    assert len(store.asked) == 6


@pytest.mark.parametrize("code", ["PreconditionFailed", "412", "NoSuchKey", "404"])
def test_another_version_is_not_read(code):
    store = Store(refuses=code)
    with pytest.raises(FateDataError, match=r"^s3://bucket/key was changed while it was read"):
        S3Object(store, "bucket/key").fetch('"one"', 0, 100)
    assert len(store.asked) == 1


@pytest.mark.parametrize("call", [lambda it: it.facts(), lambda it: it.fetch('"one"', 0, 1)])
def test_a_refusal_is_told_as_it_is(call):
    with pytest.raises(ClientError, match="AccessDenied"):
        call(S3Object(Store(refuses="AccessDenied"), "bucket/key"))


def test_what_is_there_is_told():
    assert S3Object(Store(), "bucket/key").facts() == {"size": 1000, "ETag": '"one"'}
    assert S3Object(Store(refuses="404", below=1), "bucket/folder/key").facts() == {"type": "directory"}
    with pytest.raises(FileNotFoundError, match="s3://bucket/folder/key"):
        S3Object(Store(refuses="404"), "bucket/folder/key").facts()
