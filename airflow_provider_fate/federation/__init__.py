"""One contract for both sides of a federation: ``federation.yaml``.

It says who takes part, which tables there are and what they look like, how ids are made alike, when who works, which
components may run, and which jobs there are. DAGs, checks and grants of all sides read the same file. No Airflow here.
"""

from airflow_provider_fate.federation.agreement import FederationJob, FederationParty, FederationTable
from airflow_provider_fate.federation.ids import IdAgreement, SaltAgreement, salt_fingerprint
from airflow_provider_fate.federation.model import Federation, FederationGrant
from airflow_provider_fate.federation.table_check import TableFacts
from airflow_provider_fate.federation.windows import Maintenance, RunWindow, Window

__all__ = [
    "Federation",
    "FederationGrant",
    "FederationJob",
    "FederationParty",
    "FederationTable",
    "IdAgreement",
    "Maintenance",
    "RunWindow",
    "SaltAgreement",
    "TableFacts",
    "Window",
    "salt_fingerprint",
]
