from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_fate.federation import Federation

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "federation.yaml"
SMALL = """
federation: small
parties:
  bank: {party_id: 9999, role: guest}
  telco: {party_id: "10000", role: host}
tables:
  customers: {party: bank, name: "credit.bank_{{ ds_nodash }}", label: y, columns: [a]}
  usage: {party: telco, name: "credit.telco_{{ ds_nodash }}", columns: [b, c], rows: {min: 3}}
components: [reader, psi]
jobs:
  overlap: {recipe: Psi}
"""


@pytest.fixture
def example() -> Federation:
    """The file that the documentation shows."""
    return Federation.read(EXAMPLE)
