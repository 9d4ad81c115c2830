"""Files of texts in a folder of any storage, each named by its content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.storage.folder import StoredFolder

if TYPE_CHECKING:
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.llm.texts import BuiltTexts, TextFile

__all__ = ["StoredTexts", "stored_texts"]


@dataclass(frozen=True)
class StoredTexts:
    """Where the files of a set are.

    :param train: name in the folder of the file to train with.
    :param held_out: path or URL of the file to judge with; ``None``: there is none.
    :param written: names of the files that were not there before.
    """

    train: str
    held_out: str | None
    written: tuple[str, ...]


@contextmanager
def stored_texts(url: str, table: TableName, built: BuiltTexts) -> Iterator[StoredTexts]:
    """Put files into a folder, and take those that are new away again if the block fails.

    A job that reads the set of yesterday keeps it: another content is another file.

    :param url: of the folder.
    :param table: which set it is.
    """
    folder = StoredFolder(url)
    written: list[str] = []
    try:
        train = _store(folder, f"{table}/train", built.train, written)
        held_out = _store(folder, f"{table}/held_out", built.held_out, written) if built.held_out else None
        yield StoredTexts(train, None if held_out is None else folder.place(held_out), tuple(written))
    except BaseException:
        for name in written:
            folder.remove(name)
        raise


def _store(folder: StoredFolder, prefix: str, file: TextFile, written: list[str]) -> str:
    name = f"{prefix}-{file.sha256[:16]}.jsonl"
    if folder.size(name) != file.size:
        written.append(name)
        folder.write(name, file.path)
    return name
