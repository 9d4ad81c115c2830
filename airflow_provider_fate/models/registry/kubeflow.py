"""Models in Kubeflow's registry.

It refuses a second entity with an external id that there is already, and that is what one of several writers wins by: a
version's id is made of the package's checksum, and each move of an alias, which Kubeflow does not know, is an artifact.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from airflow_provider_fate.clients.kubeflow import KubeflowClient, KubeflowEntity, properties
from airflow_provider_fate.errors import FateServerError
from airflow_provider_fate.models.registry.contents import summary
from airflow_provider_fate.models.registry.interface import alias_moved, next_move, no_alias, no_version
from airflow_provider_fate.models.registry.kubeflow_records import (
    RECORD,
    REGISTERED,
    REGISTERING,
    STATE,
    WRITER,
    alias_of,
    counter_of,
    described,
    is_counter,
    is_registered,
    move_id,
    number_of,
    parsed,
    split,
    uri_of,
    version_of,
)
from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel, check_name

__all__ = ["KubeflowRegistry"]

_TRIES = 50
"""So many others may take the next number before this one."""


class KubeflowRegistry:
    """Versions and aliases of models in Kubeflow Model Registry.

    A version is ``ARCHIVED`` until its artifacts are there, and is not seen before. The registry keeps no files: the
    package stays where the export has written it. Aliases stand in the custom properties of the registered model, for
    people; what counts are the moves, so aliases are moved through this interface alone.

    :param client: of the server.
    :param pages: template of the URL of a page, with ``{name}`` and ``{version}``; ``None``: there is none.
    """

    def __init__(self, client: KubeflowClient, *, pages: str | None = None) -> None:
        self._client = client
        self._pages = pages

    # -- versions ----------------------------------------------------------------------------------------------------

    def register(self, name: str, model: RegisteredModel) -> tuple[ModelVersion, bool]:
        """Add a version; the same package twice is one version, also where two add it at the same time.

        :returns: the version, and whether it is new.
        """
        check_name("name", name)
        parent = self._client.models.find(name) or self._created(name)
        external_id, writer = f"fate:{name}:{model.sha256}", secrets.token_hex(8)
        for _ in range(_TRIES):
            found = self._client.versions.find_external(external_id)
            if found is None:
                numbers = [number_of(version) for version in self._client.versions.all(parent.id)]
                found = self._client.versions.create(
                    parent.id,
                    str(max(numbers, default=0) + 1),
                    external_id=external_id,
                    state="ARCHIVED",
                    custom=described(model) | {STATE: REGISTERING, WRITER: writer},
                    more={"description": summary(model), "author": model.run.get("dag_id", "airflow")},
                )
            if found is not None:
                return version_of(name, self._finished(name, found)), found.properties.get(WRITER) == writer
        raise FateServerError(
            f"Kubeflow Model Registry has refused {_TRIES} numbers for the next version of {name!r}.",
            hint="Look whether somebody else registers versions of it all the time.",
        )

    def version(self, name: str, version: int) -> ModelVersion:
        """A version.

        :raises FateModelNotFound: there is none of this package; says which there are.
        """
        parent = self._client.models.find(check_name("name", name))
        found = self._client.versions.find(parent.id, str(version)) if parent is not None else None
        if found is None or not is_registered(found):
            there = self._versions(name)
            raise no_version(name, version, number_of(there[-1]) if there else None)
        return version_of(name, found)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions that were made through this interface, oldest first."""
        return [version_of(name, version) for version in self._versions(check_name("name", name))]

    def names(self) -> list[str]:
        """Names of all models that have such a version."""
        used = {version.model_id for version in self._client.versions.all() if is_registered(version)}
        return sorted(model.name for model in self._client.models.all() if model.id in used)

    # -- aliases -----------------------------------------------------------------------------------------------------

    def alias(self, name: str, alias: str) -> AliasMove | None:
        """Where an alias points, by its newest move; ``None``: it never pointed anywhere."""
        return self._newest(self._client.models.find(check_name("name", name)), name, alias)[1]

    def aliases(self, name: str) -> dict[str, int]:
        """Versions by alias."""
        parent = self._client.models.find(check_name("name", name))
        if parent is None:
            return {}
        known = sorted(alias_of(key) for key in parent.properties if is_counter(key))
        moves = {alias: self._newest(parent, name, alias)[1] for alias in known}
        return {alias: move.version for alias, move in moves.items() if move is not None and move.version is not None}

    def resolve(self, name: str, alias: str) -> ModelVersion:
        """The version at which an alias points.

        :raises FateModelNotFound: it points at none; says which aliases there are.
        """
        move = self.alias(name, alias)
        if move is None or move.version is None:
            raise no_alias(name, alias, self.aliases(name))
        return self.version(name, move.version)

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

        Of two that move it at the same time one wins, and the other is told.

        :raises FateModelNotFound: there is no such version.
        :raises FateAliasMoved: it points elsewhere than expected, or was moved at the same moment.
        """
        check_name("alias", alias)
        if version is not None:
            self.version(name, version)
        parent = self._client.models.find(check_name("name", name))
        if parent is None:
            raise no_version(name, 1, None)
        number, before = self._newest(parent, name, alias)
        move = next_move(
            before, name=name, alias=alias, version=version, expected=expected, reason=reason[:1000], run=run
        )
        if move is None:
            assert before is not None
            self._show(name, alias, number, before)
            return before
        if counter_of(alias) not in parent.properties:
            self._show(name, alias, 0, None)
        external_id, writer = move_id(name, alias, number + 1), secrets.token_hex(8)
        custom = split(RECORD, move.model_dump(mode="json")) | {WRITER: writer}
        made = self._client.artifacts.create("doc-artifact", external_id, external_id=external_id, custom=custom)
        if made is None:
            # An earlier try, whose answer was lost, may have made it.
            there = self._client.artifacts.find(external_id)
            if there is None or there.properties.get(WRITER) != writer:
                raise alias_moved(name, alias, self.alias(name, alias), "any")
        self._show(name, alias, number + 1, move)
        return move

    def history(self, name: str, alias: str) -> list[AliasMove]:
        """All moves of an alias, oldest first."""
        number, _ = self._newest(self._client.models.find(check_name("name", name)), name, alias)
        found = (self._move(name, alias, n) for n in range(1, number + 1))
        return [move for move in found if move is not None]

    # -- the rest ----------------------------------------------------------------------------------------------------

    def page(self, name: str, version: int | None = None) -> str | None:
        """URL of the page of a model, as the connection's template says; the registry itself has none."""
        return self._pages.format(name=quote(name, safe=""), version=version or "") if self._pages else None

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    # -- inside: versions --------------------------------------------------------------------------------------------

    def _created(self, name: str) -> KubeflowEntity:
        made = self._client.models.create(name, custom={"fate.registry": "airflow-provider-fate"})
        made = made or self._client.models.find(name)
        if made is None:
            raise FateServerError(f"Kubeflow Model Registry has no model {name!r}, and refuses to make it.")
        return made

    def _finished(self, name: str, version: KubeflowEntity) -> KubeflowEntity:
        """Make what a version has beside it, which another try may have begun."""
        if is_registered(version):
            return version
        model = version_of(name, version).model
        source = {
            "modelSourceKind": "airflow",
            "modelSourceGroup": model.run.get("dag_id", ""),
            "modelSourceId": model.run.get("run_id", ""),
            "modelSourceName": model.run.get("task_id", ""),
        }
        files = [
            (
                "model-artifact",
                "package",
                model.package,
                {"modelFormatName": "fate", "modelFormatVersion": "2"} | source,
            )
        ]
        if model.onnx is not None:
            files.append(("model-artifact", "onnx", model.onnx, {"modelFormatName": "onnx"} | source))
        if model.adapter is not None:
            files.append(("model-artifact", "adapter", model.adapter, {"modelFormatName": "peft"} | source))
        if model.card is not None:
            files.append(("doc-artifact", "card", model.card, {}))
        for kind, what, place, more in files:
            more = {"uri": uri_of(place)} | {key: value for key, value in more.items() if value}
            self._client.artifacts.create(kind, what, version_id=version.id, more=more)
        raw = version.raw | properties({STATE: REGISTERED})
        return self._client.versions.change(version.id, state="LIVE", raw=raw)

    def _versions(self, name: str) -> list[KubeflowEntity]:
        parent = self._client.models.find(name)
        if parent is None:
            return []
        return sorted(filter(is_registered, self._client.versions.all(parent.id)), key=number_of)

    # -- inside: aliases ---------------------------------------------------------------------------------------------

    def _newest(self, parent: KubeflowEntity | None, name: str, alias: str) -> tuple[int, AliasMove | None]:
        """Number of the newest move, and the move."""
        check_name("alias", alias)
        if parent is None:
            return 0, None
        # The number that is noted is of the newest move, or of one shortly before.
        noted = int(parent.properties.get(counter_of(alias), 0))
        number, newest = noted, self._move(name, alias, noted) if noted else None
        while (after := self._move(name, alias, number + 1)) is not None:
            number, newest = number + 1, after
        return number, newest

    def _move(self, name: str, alias: str, number: int) -> AliasMove | None:
        found = self._client.artifacts.find(move_id(name, alias, number))
        return parsed(found, AliasMove) if found is not None else None

    def _show(self, name: str, alias: str, number: int, move: AliasMove | None) -> None:
        """Write where an alias points, and by which move, into the properties of its model, where people see it."""
        parent = self._client.models.find(name)
        if parent is None or (number and int(parent.properties.get(counter_of(alias), 0)) >= number):
            return
        raw: dict[str, Any] = dict(parent.raw)
        raw.pop(f"alias.{alias}", None)
        if move is not None and move.version is not None:
            raw |= properties({f"alias.{alias}": str(move.version)})
        self._client.models.change(parent.id, raw | properties({counter_of(alias): number}))
