import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_fate.compat import aget_connection


async def test_a_connection_is_read_where_airflow_knows_it_only_without_asyncio(monkeypatch):
    async def not_here(conn_id):  # what a worker of Airflow 3.1 says of every connection of its database
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(BaseHook, "aget_connection", not_here)
    monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: f"connection {conn_id}")

    assert await aget_connection("fate_site") == "connection fate_site"


async def test_a_connection_that_nobody_knows_is_an_error():
    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        await aget_connection("nowhere")
