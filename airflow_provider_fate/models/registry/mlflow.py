"""Models in MLflow's registry."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from pydantic import ValidationError

from airflow_provider_fate.clients.mlflow import MlflowClient, MlflowVersion, Run
from airflow_provider_fate.clients.mlflow.models import key_of
from airflow_provider_fate.errors import FateAmbiguousSubmitError, FateError, FateInputError, FateServerError
from airflow_provider_fate.models.registry.contents import MODEL_FOLDER, summary
from airflow_provider_fate.models.registry.interface import alias_moved, next_move, no_alias, no_version
from airflow_provider_fate.models.registry.mlflow_moves import MlflowMoves, moved_outside
from airflow_provider_fate.models.registry.mlflow_runs import MODEL_TAG, PACKAGE_TAG, ModelRuns
from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel, check_name

__all__ = ["MlflowRegistry"]

RECORD_TAG = "fate.record"
_TRIES = 3
_ALIAS = re.compile(r"(?!latest$)(?!v\d+$)[\w\-]{1,100}", re.I)


class MlflowRegistry:
    """Versions and aliases of models in MLflow 3.

    A version is made last, when its run has metrics, parameters and all files: what is seen is complete. It is found
    again by the checksum of its package, so that a task which was killed at any point ends, after its retry, with one
    version. Versions that others have made are left alone, and not seen.

    :param client: of the server.
    :param experiment: the experiment of the runs; ``None``: one that is called like the model.
    :param pages: template of the URL of a page, with ``{name}`` and ``{version}``; ``None``: MLflow's own.
    """

    def __init__(self, client: MlflowClient, *, experiment: str | None = None, pages: str | None = None) -> None:
        self._client = client
        self._runs = ModelRuns(client, experiment)
        self._pages = pages

    # -- versions ----------------------------------------------------------------------------------------------------

    def register(self, name: str, model: RegisteredModel) -> tuple[ModelVersion, bool]:
        """Add a version; the same package twice is one version, also where two add it at the same time.

        :returns: the version, and whether it is new.
        :raises FateInputError: a file of the model is not there, or is another one.
        """
        check_name("name", name)
        if (known := self._settle(name, model.sha256)) is not None:
            return _read(known), False
        try:
            run = self._runs.record(name, model)
            self._client.models.create(name, tags={"fate.registry": "airflow-provider-fate"})
            made = self._create(name, model, run)
        except FateError:
            # Whoever has registered the package meanwhile has taken the unfinished run for one that was left over.
            if (known := self._settle(name, model.sha256)) is not None:
                return _read(known), False
            raise
        first = self._settle(name, model.sha256) or made
        return _read(first), first.version == made.version

    def version(self, name: str, version: int) -> ModelVersion:
        """A version.

        :raises FateModelNotFound: there is none of this package; says which there are.
        """
        check_name("name", name)
        found = self._client.models.version(name, version)
        if found is None or RECORD_TAG not in found.tags:
            there = self._versions(name)
            raise no_version(name, version, there[-1].version if there else None)
        return _read(found)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions that were made through this interface, oldest first."""
        return [_read(version) for version in self._versions(check_name("name", name))]

    def names(self) -> list[str]:
        """Names of all models that have such a version."""
        return sorted({version.name for version in self._client.models.versions(f"tags.`{PACKAGE_TAG}` LIKE '%'")})

    # -- aliases -----------------------------------------------------------------------------------------------------

    def alias(self, name: str, alias: str) -> AliasMove | None:
        """Where an alias points. Who has moved it in MLflow itself is not known."""
        moves = self._moves(name, alias)
        if moves is None:
            return None
        made = moves.all()
        return self._actual(name, alias, made[-1] if made else None)

    def aliases(self, name: str) -> dict[str, int]:
        """Versions by alias."""
        model = self._client.models.get(check_name("name", name))
        return dict(sorted(model.aliases.items())) if model is not None else {}

    def resolve(self, name: str, alias: str) -> ModelVersion:
        """The version at which an alias points.

        :raises FateModelNotFound: it points at none; says which aliases there are.
        """
        check_name("alias", alias)
        aliases = self.aliases(name)
        if alias not in aliases:
            raise no_alias(name, alias, aliases)
        return self.version(name, aliases[alias])

    def move(
        self,
        name: str,
        alias: str,
        version: int | None,
        *,
        expected: int | Literal["any"] | None = "any",
        reason: str = "",
        run: Mapping[str, str] | None = None,
    ) -> AliasMove:
        """Point an alias at a version; nothing is done where it points there.

        Of two that move it at the same time through this interface one wins, and the other is told. Who moves it in
        MLflow itself between the last look and the move, which is a matter of milliseconds, is written over.

        :raises FateModelNotFound: there is no such version.
        :raises FateAliasMoved: it points elsewhere than expected, or was moved at the same moment.
        """
        moves = self._moves(name, alias)
        if version is not None:
            self.version(name, version)
        if moves is None:
            raise no_version(name, version or 1, None)
        book, number, newest = moves.settle()
        before = self._actual(name, alias, newest)
        move = next_move(before, name=name, alias=alias, version=version, expected=expected, reason=reason, run=run)
        if move is None:
            assert before is not None
            return before
        if not moves.write(book, number + 1, move, secrets.token_hex(8)):
            raise alias_moved(name, alias, moves.settle()[2], "any")
        return move

    def history(self, name: str, alias: str) -> list[AliasMove]:
        """All moves of an alias that were made through this interface, oldest first."""
        moves = self._moves(name, alias)
        return moves.all() if moves is not None else []

    # -- the rest ----------------------------------------------------------------------------------------------------

    def page(self, name: str, version: int | None = None) -> str | None:
        """URL of MLflow's page of a model, or of a version of it."""
        if self._pages is not None:
            return self._pages.format(name=quote(name, safe=""), version=version or "")
        root = f"{self._client.settings.root_url}/#/models/{quote(name, safe='')}"
        return root if version is None else f"{root}/versions/{version}"

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _create(self, name: str, model: RegisteredModel, run: Run) -> MlflowVersion:
        tags = {
            **{key_of(key): value for key, value in model.tags.items() if value},
            **{f"fate.{key}": getattr(model, key) for key in ("job_id", "model_id", "model_version")},
            "fate.party": f"{model.role} {model.party_id}",
            MODEL_TAG: name,
            PACKAGE_TAG: model.sha256,
            RECORD_TAG: model.model_dump_json(),
        }
        for left in reversed(range(_TRIES)):
            try:
                return self._client.models.create_version(
                    name,
                    source=f"{run.artifact_uri}/{MODEL_FOLDER}",
                    run_id=run.run_id,
                    tags=tags,
                    description=summary(model),
                )
            except FateAmbiguousSubmitError:
                if known := self._with_package(name, model.sha256):
                    return known[0]
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _settle(self, name: str, sha256: str) -> MlflowVersion | None:
        """The version of a package: of several, which two have made at once, the first; the others are taken away."""
        known = self._with_package(name, sha256)
        if not known:
            return None
        for version in known[1:]:
            self._client.models.delete_version(name, version.version)
        self._runs.sweep(name, sha256, keep=known[0].run_id)
        return known[0]

    def _with_package(self, name: str, sha256: str) -> list[MlflowVersion]:
        return self._client.models.versions(f"name = '{name}' and tags.`{PACKAGE_TAG}` = '{sha256}'")

    def _versions(self, name: str) -> list[MlflowVersion]:
        """Ours, each package once."""
        found: dict[str, MlflowVersion] = {}
        for version in self._client.models.versions(f"name = '{name}'"):
            if RECORD_TAG in version.tags:
                found.setdefault(version.tags.get(PACKAGE_TAG, str(version.version)), version)
        return list(found.values())

    def _actual(self, name: str, alias: str, newest: AliasMove | None) -> AliasMove | None:
        """Where an alias points in MLflow, as the newest move, if it is that one."""
        model = self._client.models.get(name)
        current = model.aliases.get(alias) if model is not None else None
        if current == (newest.version if newest is not None else None):
            return newest
        return moved_outside(name, alias, current, newest)

    def _moves(self, name: str, alias: str) -> MlflowMoves | None:
        """The moves of an alias; ``None``: there is no version yet whose run could have them."""
        check_name("name", name)
        check_name("alias", alias)
        if not _ALIAS.fullmatch(alias):
            raise FateInputError(
                f"alias={alias!r} is no alias in MLflow.",
                hint="It takes letters, digits, '_' and '-', and neither 'latest' nor 'v' and a number.",
            )
        if not self._versions(name):
            return None
        return MlflowMoves(self._client, name, alias, lambda: self._book(name))

    def _book(self, name: str) -> Run:
        """The run that has the moves of all aliases: that of the first version, which all see alike."""
        for version in self._versions(name):
            run = self._client.runs.get(version.run_id) if version.run_id else None
            if run is not None and run.lifecycle_stage == "active":
                return run
        raise FateServerError(
            f"No version of {name!r} has a run in MLflow that was not deleted, so nothing can keep the moves of its "
            "aliases.",
            hint="Restore the run of its first version, or register a model anew.",
        )


def _read(version: MlflowVersion) -> ModelVersion:
    try:
        model = RegisteredModel.model_validate_json(version.tags[RECORD_TAG])
    except ValidationError as error:
        first = error.errors()[0]
        raise FateServerError(
            f"The tag {RECORD_TAG} of version {version.version} of {version.name!r} in MLflow is damaged "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}).",
            hint="Somebody has changed it. Delete the version, and register the model again.",
        ) from None
    registered = datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC)
    return ModelVersion(name=version.name, version=version.version, registered=registered, model=model)
