"""``mlflow.models``: registered models, their versions and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_fate.clients.http import (
    Group,
    Once,
    Reply,
    Request,
    Steps,
    Transport,
    endpoint,
    get,
    post,
    procedure,
    without_none,
)

from .envelope import EXISTS, MISSING
from .models import MlflowModel, MlflowVersion, pairs

__all__ = ["RegisteredModelGroup"]

_THERE_OR_NOT = frozenset({MISSING})
_PAGE = 1000


class RegisteredModelGroup(Group[Transport]):
    """Registered models. A number of a version is given once, also when the version is deleted."""

    @endpoint
    def create(self, name: str, *, tags: Mapping[str, str], description: str = "") -> Request[bool]:
        """Make a name; return whether it was not there."""
        return post(
            "/mlflow/registered-models/create",
            lambda reply: not reply.code,
            json={"name": name, "tags": pairs(tags), "description": description},
            accept=frozenset({EXISTS}),
            once=Once.REPEAT,
        )

    @endpoint
    def get(self, name: str) -> Request[MlflowModel | None]:
        """Return a model with its aliases; ``None``: there is none."""
        return get(
            "/mlflow/registered-models/get",
            lambda reply: None if reply.code else MlflowModel.model_validate(reply.data["registered_model"]),
            params={"name": name},
            accept=_THERE_OR_NOT,
        )

    @endpoint
    def create_version(
        self, name: str, *, source: str, run_id: str, tags: Mapping[str, str], description: str
    ) -> Request[MlflowVersion]:
        """Add a version with its tags, all at once.

        :raises FateAmbiguousSubmitError: the answer was lost, so one may be there: search for its tags.
        :raises FateNotFoundError: there is no model of this name.
        """
        body = {"name": name, "source": source, "run_id": run_id, "tags": pairs(tags), "description": description}
        return post("/mlflow/model-versions/create", _version, json=body, once=Once.SUBMIT)

    @endpoint
    def version(self, name: str, version: int) -> Request[MlflowVersion | None]:
        """Return a version; ``None``: there is none, or it was deleted."""
        return get(
            "/mlflow/model-versions/get",
            lambda reply: None if reply.code else _version(reply),
            params={"name": name, "version": version},
            accept=_THERE_OR_NOT,
        )

    @procedure
    def versions(self, condition: str) -> Steps[list[MlflowVersion]]:
        """Return the versions for which a condition holds, by number.

        :param condition: in MLflow's language: ``name = 'credit_risk' and tags.country = 'fr'``.
        """
        found: list[MlflowVersion] = []
        token: str | None = None
        while True:
            params = without_none(filter=condition, max_results=_PAGE, page_token=token)
            answer: dict[str, Any] = yield get("/mlflow/model-versions/search", _data, params=params)
            found += [MlflowVersion.model_validate(one) for one in answer.get("model_versions", ())]
            token = answer.get("next_page_token")
            if not token:
                return sorted(found, key=lambda version: (version.name, version.version))

    @endpoint
    def delete_version(self, name: str, version: int) -> Request[None]:
        """Take a version away, if it is there, and the aliases that point at it."""
        return Request(
            "DELETE",
            "/mlflow/model-versions/delete",
            _nothing,
            json={"name": name, "version": str(version)},
            accept=_THERE_OR_NOT,
        )

    @endpoint
    def set_alias(self, name: str, alias: str, version: int) -> Request[bool]:
        """Point an alias at a version; return whether there is such a version."""
        return post(
            "/mlflow/registered-models/alias",
            lambda reply: not reply.code,
            json={"name": name, "alias": alias, "version": str(version)},
            accept=_THERE_OR_NOT,
            once=Once.REPEAT,
        )

    @endpoint
    def delete_alias(self, name: str, alias: str) -> Request[None]:
        """Take an alias away, if it is there."""
        return Request(
            "DELETE",
            "/mlflow/registered-models/alias",
            _nothing,
            json={"name": name, "alias": alias},
            accept=_THERE_OR_NOT,
        )


def _version(reply: Reply) -> MlflowVersion:
    return MlflowVersion.model_validate(reply.data["model_version"])


def _data(reply: Reply) -> Any:
    return reply.data


def _nothing(reply: Reply) -> None:
    return None
