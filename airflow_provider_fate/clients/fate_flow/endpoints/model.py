"""``flow.model``: models by their id and version."""

from __future__ import annotations

from typing import Never

from airflow_provider_fate.clients.http import (
    Group,
    Reply,
    Request,
    Sink,
    Source,
    Target,
    Transport,
    Upload,
    endpoint,
    get,
    post,
    without_none,
)
from airflow_provider_fate.errors import FateModelNotFound, FateNotOfferedError

from ..names import check_id, check_name

__all__ = ["ModelGroup"]


_OUTPUT_EXCEPTION = 5008


def _download_errors(reply: Reply) -> Exception | None:
    if reply.code == _OUTPUT_EXCEPTION and "No found model" in reply.message:
        return FateModelNotFound("This site has no such model.", endpoint="GET /worker/model/download", code=reply.code)
    return None


class ModelGroup(Group[Transport]):
    """Models. FATE-Flow 2.2 has no list of them: a model is known by the job that trained it."""

    @endpoint
    def export(self, model_id: str, model_version: str, role: str, party_id: str, *, path: str) -> Request[None]:
        """Write ``<model_id>_<version>_<role>_<party>.zip`` into a directory of the **server**.

        :raises FateModelNotFound: no such model on this site.
        """
        body = {
            **_model(model_id, model_version),
            "role": check_id("role", role),
            "party_id": check_id("party_id", party_id),
            "path": path,
        }
        return post("/model/export", _nothing, json=body, slow=True)

    @endpoint
    def download(
        self, model_id: str, model_version: str, role: str, party_id: str, task_name: str, output_key: str, to: Target
    ) -> Request[int]:
        """Write a part of a model as tar, whether it was trained here or imported; return its size in bytes.

        FATE-Flow has this endpoint for the workers of its own tasks. No other reads a model by its id: those of
        ``flow.output`` know models by the job that has trained them, which an imported one has not.

        :raises FateModelNotFound: no such part on this site.
        """
        params = {
            **_model(model_id, model_version),
            "role": check_id("role", role),
            "party_id": check_id("party_id", party_id),
            "task_name": check_id("task_name", task_name),
            "output_key": check_id("output_key", output_key),
        }
        return get(
            "/worker/model/download",
            lambda reply: reply.size,
            params=params,
            sink=Sink(to),
            slow=True,
            errors=_download_errors,
        )

    @endpoint
    def import_(self, file: Source, *, model_id: str, model_version: str) -> Request[None]:
        """Send a zip of ``export`` and store it under an id and version."""
        upload = Upload(file, _model(model_id, model_version), filename="model.zip")
        return post("/model/import", _nothing, upload=upload, slow=True)

    @endpoint
    def delete(
        self,
        model_id: str,
        model_version: str,
        *,
        role: str | None = None,
        party_id: str | None = None,
        task_name: str | None = None,
        output_key: str | None = None,
    ) -> Request[bool]:
        """Delete a model, or the parts of it that match; return whether anything was deleted.

        :raises FateModelNotFound: no such model on this site.
        """
        parts = without_none(role=role, party_id=party_id, task_name=task_name, output_key=output_key)
        body = {
            **_model(model_id, model_version),
            **{name: check_id(name, value) for name, value in parts.items()},
        }
        return post("/model/delete", lambda reply: bool((reply.data or {}).get("count")), json=body)

    @endpoint
    def load(self, /, *_: object, **__: object) -> Request[Never]:
        """Is not offered by FATE-Flow 2.2.

        :raises FateNotOfferedError: always.
        """
        raise _stub("load", "Serve the model from its downloaded parts instead.")

    @endpoint
    def migrate(self, /, *_: object, **__: object) -> Request[Never]:
        """Is not offered by FATE-Flow 2.2.

        :raises FateNotOfferedError: always.
        """
        raise _stub("migrate", "Export the model and import it at the other site instead.")

    @endpoint
    def store(self, /, *_: object, **__: object) -> Request[Never]:
        """Is not offered by FATE-Flow 2.2.

        :raises FateNotOfferedError: always.
        """
        raise _stub("store", "Export the model, or download its parts, and keep them yourself.")

    @endpoint
    def restore(self, /, *_: object, **__: object) -> Request[Never]:
        """Is not offered by FATE-Flow 2.2.

        :raises FateNotOfferedError: always.
        """
        raise _stub("restore", "Import the model from a zip of `model.export` instead.")


def _stub(verb: str, way_out: str) -> FateNotOfferedError:
    return FateNotOfferedError(
        f"FATE-Flow 2.2 answers 'success' to model/{verb} and does nothing; it is an empty stub.",
        hint=way_out,
        endpoint=f"POST /model/{verb}",
    )


def _nothing(reply: Reply) -> None:
    return None


def _model(model_id: str, model_version: str) -> dict[str, str]:
    return {
        "model_id": check_name("model_id", model_id),
        "model_version": check_name("model_version", str(model_version)),
    }
