import tempfile
from pathlib import Path

import pytest

from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateInputError
from tests.unit.data.malformed import MALFORMED


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_what_fate_would_misread_is_named_and_no_last_byte_is_sent(tmp_path, case):
    file = tmp_path / "source"
    file.write_bytes(case.content)
    arguments = dict(case.arguments)
    source = FileSource.of_path(
        file, **{key: arguments.pop(key) for key in ("delimiter", "encoding") if key in arguments}
    )
    made = TableStream(source, Shape(label="y", **arguments))
    before = set(Path(tempfile.gettempdir()).iterdir())
    with pytest.raises(FateInputError, match=case.says):
        b"".join(made)
    assert made.sent is None
    assert set(Path(tempfile.gettempdir()).iterdir()) <= before
