from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.data import TableName
from airflow_provider_fate.errors import FateInputError


def test_the_first_dot_separates_namespace_and_name() -> None:
    assert TableName.parse("credit.bank_20260101") == TableName("credit", "bank_20260101")
    assert TableName.parse("a.b.c") == TableName("a", "b.c")


@pytest.mark.parametrize("text", ["", "bank", ".bank", "credit.", "cre dit.bank", "credit.ba/nk", "a..", "ä.b"])
def test_what_fate_cannot_store_is_refused(text: str) -> None:
    with pytest.raises(FateInputError, match="table"):
        TableName.parse(text)


@given(
    st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,20}", fullmatch=True),
)
def test_what_is_written_is_read_again(namespace: str, name: str) -> None:
    assert TableName.parse(str(TableName(namespace, name))) == TableName(namespace, name)
