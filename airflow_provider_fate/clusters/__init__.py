"""``cluster.yaml``, with which KubeFATE installs a cluster: typed, read, checked, and what follows from it.

>>> cluster = Fate2Cluster(
...     name="fate-9999",
...     namespace="fate-9999",
...     party_id=9999,
...     python=Python(type="NodePort", http_node_port=30097),
...     osx=Osx(party_list=[Route(party_id=10000, party_ip="10.0.0.7", party_port=30101)]),
... )
>>> document = ClusterDocument.of(cluster)
>>> [str(problem) for problem in check_cluster(document)]

Nothing here knows Airflow or asks a server.
"""

from .charts import ExchangeCluster, Fate1Cluster, Rollsite, ServingCluster
from .check import check_cluster, refuse_problems
from .document import ClusterDocument
from .fate2 import Client, Fate2Cluster, Fateboard, Ingresses, Mysql, Nodemanager, Osx, Python, Route
from .parts import Ingress, IngressHost
from .problems import ClusterProblem
from .several import ClusterFederation, ClusterMember

__all__ = [
    "Client",
    "ClusterDocument",
    "ClusterFederation",
    "ClusterMember",
    "ClusterProblem",
    "ExchangeCluster",
    "Fate1Cluster",
    "Fate2Cluster",
    "Fateboard",
    "Ingress",
    "IngressHost",
    "Ingresses",
    "Mysql",
    "Nodemanager",
    "Osx",
    "Python",
    "Rollsite",
    "Route",
    "ServingCluster",
    "check_cluster",
    "refuse_problems",
]
