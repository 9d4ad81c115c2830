"""The chart ``fate`` 2.0, as KubeFATE v2.0.0 has it (``helm-charts/FATE/values-template.yaml``)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .parts import Deployed, Exposed, Ingress, IpAndPort, LoadBalancerIP, NodePort, Placed, Section, Stored

__all__ = [
    "Client",
    "Clustermanager",
    "Datanode",
    "ExternalAddress",
    "Fate2Cluster",
    "FateClusterBase",
    "Fateboard",
    "Hdfs",
    "Ingresses",
    "Lbrollsite",
    "Mysql",
    "Namenode",
    "Nginx",
    "Nodemanager",
    "Osx",
    "Pulsar",
    "Python",
    "Rabbitmq",
    "Route",
    "Spark",
]

MODULES = (
    "osx", "lbrollsite", "python", "clustermanager", "nodemanager", "client", "mysql", "fateboard", "spark", "hdfs",
    "nginx", "rabbitmq", "pulsar",
)  # fmt: skip


class Route(Section):
    """How another party is reached: its proxy's address, as seen from this cluster."""

    party_id: int
    party_ip: str
    party_port: int


class Polling(Section):
    """A proxy that fetches, for sites that let nothing in."""

    enabled: bool = False
    type: Literal["server", "client"] | None = None
    server: IpAndPort | None = None
    client_list: list[dict[str, Any]] | None = None
    concurrency: int | None = None


class Osx(Deployed, Exposed):
    """The proxy between parties (port 9370)."""

    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    enable_tls: bool | None = Field(default=None, alias="enableTLS")
    exchange: IpAndPort | None = None
    party_list: list[Route] | None = None
    polling: Polling | None = None
    resources: dict[str, Any] | None = None


class Lbrollsite(Deployed, Exposed):
    """A balancer before the proxies."""

    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    size: str | None = None
    exchange_list: list[dict[str, Any]] | None = None
    resources: dict[str, Any] | None = None


class ExternalAddress(Section):
    """A service that FATE-Flow uses; each kind has its own of these keys."""

    host: str | None = None
    port: int | None = None
    mng_port: int | None = Field(default=None, alias="mng_port")
    http_port: int | None = Field(default=None, alias="http_port")
    grpc_port: int | None = Field(default=None, alias="grpc_port")
    topic_ttl: int | None = Field(default=None, alias="topic_ttl")
    auth_mechanism: str | None = Field(default=None, alias="auth_mechanism")
    cluster: str | None = None
    tenant: str | None = None
    user: str | None = None
    username: str | None = None
    password: str | None = Field(default=None, repr=False)


class Python(Deployed, Stored, Exposed):
    """FATE-Flow, the server of jobs (port 9380)."""

    replicas: int | None = None
    resources: dict[str, Any] | None = None
    log_level: str | None = None
    http_node_port: NodePort | None = None
    grpc_node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    dependent_distribution: bool | None = Field(default=None, alias="dependent_distribution")
    service_account_name: str | None = None
    failed_task_auto_retry_times: int | None = None
    failed_task_auto_retry_delay: int | None = None
    claim_name: str | None = None
    clustermanager: dict[str, Any] | None = None
    spark: dict[str, Any] | None = None
    hdfs: dict[str, Any] | None = None
    pulsar: ExternalAddress | None = None
    rabbitmq: ExternalAddress | None = None
    nginx: ExternalAddress | None = None
    hive: ExternalAddress | None = None


class Clustermanager(Deployed):
    """EggRoll's manager."""

    mysql_server_timezone: str | None = None
    resources: dict[str, Any] | None = None


class Nodemanager(Deployed, Stored):
    """EggRoll's workers."""

    session_processors_per_node: int | None = None
    replicas: int | None = None
    sub_path: str | None = None
    resources: dict[str, Any] | None = None


class Client(Deployed, Stored):
    """The notebook. It asks for no password unless it is given the hash of one."""

    sub_path: str | None = None
    notebook_hashed_password: str | None = Field(default=None, alias="notebook_hashed_password", repr=False)


class Mysql(Deployed, Stored, Exposed):
    """The database."""

    ip: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = Field(default=None, repr=False)
    sub_path: str | None = None


class Fateboard(Deployed, Exposed):
    """The pages that show jobs."""

    username: str | None = None
    password: str | None = Field(default=None, repr=False)


class SparkNode(Deployed, Exposed):
    """Spark's master, or its workers."""

    replicas: int | None = None
    resources: dict[str, Any] | None = None
    node_port: NodePort | None = None


class Spark(Section):
    """Spark."""

    master: SparkNode | None = None
    worker: SparkNode | None = None


class Namenode(Placed, Stored, Exposed):
    """HDFS's name node; its image is given for all of HDFS."""

    node_port: NodePort | None = None


class Datanode(Placed, Stored, Exposed):
    """HDFS's data nodes."""

    replicas: int | None = None


class Hdfs(Section):
    """HDFS. The chart reads both sections as soon as there is this one."""

    image: str | None = None
    image_tag: str | None = None
    namenode: Namenode | None = None
    datanode: Datanode | None = None


class NginxExchange(Section):
    """An exchange, as nginx reaches it."""

    ip: str | None = None
    http_port: int | None = None
    grpc_port: int | None = None


class Nginx(Deployed, Exposed):
    """The proxy between FATE-Flows where federation is Pulsar or RabbitMQ."""

    http_node_port: NodePort | None = None
    grpc_node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    exchange: NginxExchange | None = None
    route_table: dict[int | str, Any] | None = Field(default=None, alias="route_table")


class Rabbitmq(Deployed, Exposed):
    """RabbitMQ."""

    resources: dict[str, Any] | None = None
    node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    default_user: str | None = Field(default=None, alias="default_user")
    default_pass: str | None = Field(default=None, alias="default_pass", repr=False)
    user: str | None = None
    password: str | None = Field(default=None, repr=False)
    route_table: dict[int | str, Any] | None = Field(default=None, alias="route_table")


class Pulsar(Deployed, Stored, Exposed):
    """Pulsar."""

    resources: dict[str, Any] | None = None
    env: list[Any] | dict[str, Any] | None = None
    confs: dict[str, Any] | None = None
    http_node_port: NodePort | None = None
    https_node_port: NodePort | None = None
    load_balancer_ip: LoadBalancerIP = None
    public_lb: dict[str, Any] | None = Field(default=None, alias="publicLB")
    exchange: dict[str, Any] | None = None
    route_table: dict[int | str, Any] | None = Field(default=None, alias="route_table")


class Ingresses(Section):
    """Names of the pages, by module. What is left out gets the same name in every cluster."""

    fateboard: Ingress | None = None
    client: Ingress | None = None
    spark: Ingress | None = None
    rabbitmq: Ingress | None = None
    pulsar: Ingress | None = None


class Switch(Section):
    """Something that is on or off."""

    enabled: bool = False


class FateClusterBase(Section):
    """What the charts ``fate`` of 1.x and 2.x have in common."""

    name: str
    namespace: str
    chart_name: Literal["fate"] = "fate"
    chart_version: str
    party_id: int
    registry: str | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: list[dict[str, str]] | None = None
    persistence: bool = False
    istio: Switch | None = None
    pod_security_policy: Switch | None = None
    ingress_class_name: str | None = None
    modules: list[str]
    skipped_keys: list[str] | None = None
    computing: Literal["Eggroll", "Spark", "Spark_local"] = "Eggroll"
    storage: Literal["Eggroll", "HDFS", "LocalFS"] = "Eggroll"
    algorithm: Literal["Basic", "NN", "ALL"] = "Basic"
    device: Literal["CPU", "IPCL", "GPU"] = "CPU"
    ingress: Ingresses | None = None
    lbrollsite: Lbrollsite | None = None
    python: Python | None = None
    clustermanager: Clustermanager | None = None
    nodemanager: Nodemanager | None = None
    client: Client | None = None
    mysql: Mysql | None = None
    fateboard: Fateboard | None = None
    hdfs: Hdfs | None = None
    nginx: Nginx | None = None
    rabbitmq: Rabbitmq | None = None
    pulsar: Pulsar | None = None
    serving_ip: str | None = None
    serving_port: int | None = None
    serving: dict[str, Any] | None = None
    external_mysql_ip: str | None = None
    external_mysql_port: int | None = None
    external_mysql_database: str | None = None
    external_mysql_user: str | None = None
    external_mysql_password: str | None = Field(default=None, repr=False)


class Fate2Cluster(FateClusterBase):
    """A party with FATE 2.

    :param name: name of the cluster; unique in its namespace.
    :param namespace: namespace of Kubernetes; it must exist.
    :param chart_version: version of the chart; KubeFATE must have it, see ``chart`` of the operator.
    :param party_id: id of the party.
    :param modules: what is installed. Default: EggRoll, FATEBoard and the notebook.
    :param federation: what carries messages between parties; ``OSX`` goes with EggRoll.
    """

    known_modules: ClassVar[tuple[str, ...]] = MODULES

    chart_version: str = "v2.0.0"
    modules: list[str] = Field(
        default_factory=lambda: ["osx", "clustermanager", "nodemanager", "mysql", "python", "fateboard", "client"]
    )
    federation: Literal["OSX", "Pulsar", "RabbitMQ"] = "OSX"
    osx: Osx | None = None
    spark: Spark | None = None
