"""The backend of a Kubernetes cluster with KServe."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConflictError, FateFieldConflict, FateInputError
from airflow_provider_fate.serving.kserve.layout import lay_out
from airflow_provider_fate.serving.kserve.manifest import (
    API_VERSION,
    KIND,
    LABEL,
    WrittenService,
    differs,
    failing_again,
    manifest_of,
)
from airflow_provider_fate.serving.kserve.place import KservePlace, as_pods_see_it
from airflow_provider_fate.serving.kserve.status import answering, failing, phase_of
from airflow_provider_fate.serving.records import (
    ChangeMark,
    ServedModel,
    Service,
    ServicePhase,
    ServingSpec,
    Track,
    TrackTraffic,
    check_service_name,
)
from airflow_provider_fate.storage.folder import fetch_file

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient, Json, Mirror, Resource
    from airflow_provider_fate.hooks.kubernetes import KubernetesAccess

__all__ = ["KserveBackend"]

log = logging.getLogger(__name__)

TRIES = 10
"""How often a spec is written again because KServe has written its status in the same moment."""


class KserveBackend:
    """Services of one namespace. Each is an InferenceService, whose annotations hold the whole spec.

    :param place: ``kserve://connection/namespace?options``, see :class:`~.place.KservePlace`.
    :raises FateInputError: it cannot be right.
    """

    def __init__(self, place: str) -> None:
        self.place = KservePlace.of(place)
        self._access: KubernetesAccess | None = None
        self._mirror: Mirror | None = None

    async def check(self, name: str, model: ServedModel) -> ServedModel:
        """Put the model where pods can load it; the namespace and KServe are there."""
        check_service_name(name)
        client = await self._client()
        await client.objects(await self._resource(), self.place.namespace, limit=1, metadata_only=True)
        if model.format == "onnx":
            return await asyncio.to_thread(self._stored, name, model)
        uri = as_pods_see_it("model: uri", model.uri)
        return model.model_copy(update={"uri": uri, "labels": model.labels | {"source": model.uri}})

    async def get(self, name: str) -> Service | None:
        """A service, as it is now."""
        client = await self._client()
        body = await client.get(await self._resource(), self.place.namespace, check_service_name(name))
        return self._service(name, body)

    async def look(self, name: str) -> Service | None:
        """A service, as the watch of all services has told last."""
        if self._mirror is None:
            from airflow_provider_fate.clients.kubernetes import Mirror

            self._mirror = Mirror(await self._client(), await self._resource(), self.place.namespace, LABEL)
        return self._service(name, (await self._mirror.objects()).get(name))

    async def apply(self, name: str, spec: ServingSpec, *, expected: int | None, mark: ChangeMark | None) -> int:
        """Write the spec, unless somebody has written another one since."""
        check_service_name(name)
        client, resource = await self._client(), await self._resource()
        for left in reversed(range(TRIES)):
            before = await client.get(resource, self.place.namespace, name)
            written = WrittenService.of(before) if before is not None else None
            if (written.generation if written else None) != expected:
                raise FateConflictError(
                    f"{name!r} was changed by somebody else in this moment.", hint="Look at it, and decide again."
                )
            # A service that is deleted and made again must not look older than the one before.
            generation = expected + 1 if expected is not None else int(time.time())
            body = manifest_of(name, spec, self.place, mark=mark, generation=generation, before=before)
            if before is not None and written is not None:
                body["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
                failing_again(body, dict.fromkeys(failing(before, written), str(generation)))
            try:
                await client.apply(resource, body)
            except FateFieldConflict:
                raise
            except FateConflictError:
                if not left:
                    raise
                await asyncio.sleep(0.1)
                continue
            return generation
        raise AssertionError  # the last try has returned or raised

    async def delete(self, name: str) -> bool:
        """Delete the object, and wait for nothing."""
        client, resource = await self._client(), await self._resource()
        body = await client.get(resource, self.place.namespace, check_service_name(name))
        if body is None:
            return False
        WrittenService.of(body)
        return await client.delete(resource, self.place.namespace, name, uid=str(body["metadata"]["uid"]))

    async def traffic(self, name: str) -> Mapping[Track, TrackTraffic] | None:
        """KServe does not count: its metrics go to Prometheus."""
        return None

    async def close(self) -> None:
        """End the watch, and close the client."""
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            await mirror.close()
        access, self._access = self._access, None
        if access is not None:
            await access.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _client(self) -> AsyncKubernetesClient:
        if self._access is None:
            from airflow_provider_fate.hooks.kubernetes import KubernetesAccess

            self._access = KubernetesAccess(self.place.connection)
        return await self._access.client()

    async def _resource(self) -> Resource:
        return await (await self._client()).resource(API_VERSION, KIND)

    def _service(self, name: str, body: Json | None) -> Service | None:
        if body is None:
            return None
        written = WrittenService.of(body)
        phase, reason = phase_of(body, written)
        status: Mapping[str, Any] = body.get("status") or {}
        if phase is ServicePhase.READY and (changed := differs(body, written, name, self.place)):
            phase, reason = ServicePhase.FAILED, changed
        root = str(status.get("url") or (status.get("address") or {}).get("url") or "").rstrip("/")
        url = f"{root}/v2/models/{name}/infer" if root else None
        live = {
            track: one.model_copy(update={"url": f"{one.url.rstrip('/')}/v2/models/{name}/infer"}) if one.url else one
            for track, one in answering(body, written, url).items()
        }
        return Service(
            name=name, generation=written.generation, spec=written.spec, mark=written.mark, phase=phase,
            reason=reason, live=live, url=url,
        )  # fmt: skip

    def _stored(self, name: str, model: ServedModel) -> ServedModel:
        if self.place.store is None:
            raise FateInputError(
                "backend: store is missing: pods load ONNX from object storage, laid out as the runtime wants it.",
                hint="Write kserve://connection/namespace?store=s3://conn_id@bucket/folder",
            )
        if not model.version.isdecimal() or int(model.version) == 0:
            raise FateInputError(
                f"version={model.version!r}: Triton and OpenVINO number versions, and answer with that number.",
                hint="Register the model, which numbers it; or give version='1' to FateServeOperator.",
            )
        with tempfile.TemporaryDirectory(prefix="fate-serve-") as temporary:
            file = Path(temporary) / "model.onnx"
            try:
                fetch_file(model.uri, file)
            except (FileNotFoundError, IsADirectoryError):
                raise FateInputError(f"model: {model.uri} is not there.", hint="Convert the model first.") from None
            with file.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            if model.sha256 not in (None, sha256):
                raise FateInputError(
                    f"model: {model.uri} has the sha256 {sha256}, and not {model.sha256}.",
                    hint="Something has written over it since. Convert the model again, and register that.",
                )
            folder = lay_out(file, sha256, self.place.store, self.place.layout, name, model.version)
        labels = model.labels | {"source": model.uri}
        uri = as_pods_see_it("backend: store", folder)
        return model.model_copy(update={"sha256": sha256, "uri": uri, "labels": labels})
