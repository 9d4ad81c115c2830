"""Where on Kubernetes services are kept, and how: ``kserve://connection/namespace?option=value``."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.storage.folder import require_no_password

__all__ = ["KservePlace"]

_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
EXAMPLE = "kserve://kubernetes_default/models?store=s3://aws_default@bucket/served&service_account=fate-models"


class KservePlace(BaseModel):
    """What a DAG says of a cluster.

    :param connection: id of an Airflow connection of the type ``kubernetes``.
    :param namespace: of the services.
    :param mode: ``Standard`` (Deployments; canaries as entries of their own, KServe 0.20 and newer) or ``Knative``
        (revisions; canaries by ``canaryTrafficPercent``).
    :param store: folder on object storage from which pods load ONNX; the task lays the model out there as the runtime
        wants it. With the connection id that *Airflow* writes with: ``s3://aws_default@bucket/folder``.
    :param layout: how the runtime wants ONNX: ``triton`` (``<service>/<version>/model.onnx``) or ``openvino``
        (``<version>/model.onnx``).
    :param service_account: of the pods; it carries the secret with which they read the store.
    :param runtime: name of a ServingRuntime; default: KServe chooses one for the format.
    :param min_replicas: pods at least.
    :param max_replicas: pods at most; default: KServe's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: Annotated[str, Field(pattern=r"^[\w.\-]+$")]
    namespace: Annotated[str, Field(pattern=_LABEL)]
    mode: Literal["Standard", "Knative"] = "Standard"
    store: str | None = None
    layout: Literal["triton", "openvino"] = "triton"
    service_account: Annotated[str, Field(pattern=_LABEL)] | None = None
    runtime: Annotated[str, Field(pattern=_LABEL)] | None = None
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = None

    @classmethod
    def of(cls, text: str) -> KservePlace:
        """Read it.

        :raises FateInputError: it cannot be right; the message names the option and its value.
        """
        parts = urlsplit(text)
        options = parse_qsl(parts.query, keep_blank_values=True)
        named = dict(options)
        if len(named) != len(options) or named.keys() & {"connection", "namespace"}:
            raise FateInputError(f"backend={text!r}: an option stands there twice.", hint=f"Write {EXAMPLE}")
        try:
            place = cls.model_validate({**named, "connection": parts.netloc, "namespace": parts.path.strip("/")})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            known = ", ".join(sorted(cls.model_fields.keys() - {"connection", "namespace"}))
            raise FateInputError(
                f"backend: {where}={first.get('input')!r} cannot be right: {first['msg']}.",
                hint=f"Write {EXAMPLE} - its options are {known}.",
            ) from None
        if place.max_replicas is not None and place.max_replicas < place.min_replicas:
            raise FateInputError(f"backend: max_replicas={place.max_replicas} is less than {place.min_replicas}.")
        if place.store is not None:
            require_no_password("backend: store", place.store)
            as_pods_see_it("backend: store", place.store)
        return place


_REMOTE = re.compile(r"(s3|gs|hf|oci|pvc|https?|hdfs|webhdfs|model-registry|modelscope|git|abfss?)://.+")
_CUT = re.compile(r"[#?\s]")


def as_pods_see_it(name: str, uri: str) -> str:
    """Where pods find what is at a URL of Airflow's: the same without the id of the connection.

    :param name: of the argument, for the message.
    :raises FateInputError: pods cannot read it, or KServe would cut it.
    """
    if not _REMOTE.fullmatch(uri):
        raise FateInputError(
            f"{name}={uri!r} is nothing that a pod on Kubernetes can read.",
            hint="Put it on object storage (s3://, gs://), a volume (pvc://), a hub or a registry.",
        )
    if _CUT.search(uri):
        raise FateInputError(
            f"{name}={uri!r} has a '#', a '?' or a space in it, where KServe's loader would cut it.",
            hint="Store it under another name.",
        )
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".rstrip("/")
