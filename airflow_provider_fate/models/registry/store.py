"""A registry in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_fate.errors import FateServerError
from airflow_provider_fate.models.registry.interface import alias_moved, next_move, no_alias, no_version
from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel, check_name
from airflow_provider_fate.storage.records import StoredRecords

__all__ = ["ModelRegistry"]

RECENT = 20
"""So many versions may be made between a version and its note."""
RecordT = TypeVar("RecordT", bound=BaseModel)


class ModelRegistry:
    """Versions and aliases of models.

    ``<name>/versions/00000001.json`` is a version, ``<name>/aliases/champion/00000001.json`` a move of an alias, and
    ``<name>/packages/<sha256>`` notes which version has a package.

    :param url: the folder: a path on this machine, or a URL such as ``s3://aws_default@bucket/registry``.
    """

    def __init__(self, url: str) -> None:
        self._records = StoredRecords(url)

    # -- versions ----------------------------------------------------------------------------------------------------

    def register(self, name: str, model: RegisteredModel) -> tuple[ModelVersion, bool]:
        """Add a version; the same package twice is one version, also where two add it at the same time.

        :returns: the version, and whether it is new.
        """
        check_name("name", name)
        while True:
            last = self._last(f"{name}/versions")
            if (known := self._known(name, model.sha256, last)) is not None:
                return known, False
            new = ModelVersion(name=name, version=last + 1, registered=datetime.now(tz=UTC), model=model)
            if self._records.create(_file(f"{name}/versions", new.version), _bytes(new)):
                self._remember(new)
                return new, True

    def version(self, name: str, version: int) -> ModelVersion:
        """A version.

        :raises FateModelNotFound: there is none; says which there are.
        """
        check_name("name", name)
        found = self._read(_file(f"{name}/versions", version), ModelVersion)
        if found is None:
            last = self._last(f"{name}/versions")
            raise no_version(name, version, last)
        return found

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        return list(self._versions(check_name("name", name)))

    def names(self) -> list[str]:
        """Names of all models."""
        return [name for name in self._records.names("") if not name.startswith(".")]

    # -- aliases -----------------------------------------------------------------------------------------------------

    def alias(self, name: str, alias: str) -> AliasMove | None:
        """Where an alias points, by its newest move; ``None``: it never pointed anywhere."""
        return self._newest(name, alias)[1]

    def aliases(self, name: str) -> dict[str, int]:
        """Versions by alias."""
        check_name("name", name)
        moves = {alias: self.alias(name, alias) for alias in self._records.names(f"{name}/aliases")}
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

        :param version: ``None``: at none any more.
        :param expected: the version at which it must point now, ``None`` for none: what the decision was based on.
        :raises FateModelNotFound: there is no such version.
        :raises FateAliasMoved: it points elsewhere than expected, or was moved at the same moment.
        """
        if version is not None:
            self.version(name, version)
        number, before = self._newest(name, alias)
        move = next_move(before, name=name, alias=alias, version=version, expected=expected, reason=reason, run=run)
        if move is None:
            assert before is not None
            return before
        if not self._records.create(_file(f"{name}/aliases/{alias}", number + 1), _bytes(move)):
            raise alias_moved(name, alias, self.alias(name, alias), "any")
        return move

    def history(self, name: str, alias: str) -> list[AliasMove]:
        """All moves of an alias, oldest first."""
        folder = f"{check_name('name', name)}/aliases/{check_name('alias', alias)}"
        return [move for file in self._files(folder) if (move := self._read(f"{folder}/{file}", AliasMove))]

    def page(self, name: str, version: int | None = None) -> str | None:
        """A folder has no page."""
        return None

    def close(self) -> None:
        """Nothing is held."""

    # -- inside ------------------------------------------------------------------------------------------------------

    def _known(self, name: str, sha256: str, last: int) -> ModelVersion | None:
        """The version with this package, if there is one."""
        noted = self._records.read(f"{name}/packages/{sha256}")
        if noted is not None:
            return self.version(name, int(noted))
        # That of somebody who was killed before it was noted, or is just about to, is among the newest.
        for number in range(last, max(0, last - RECENT), -1):
            version = self.version(name, number)
            if version.model.sha256 == sha256:
                self._remember(version)
                return version
        return None

    def _remember(self, version: ModelVersion) -> None:
        """Note which version has a package, so that not all have to be read to find it."""
        self._records.create(f"{version.name}/packages/{version.model.sha256}", str(version.version).encode())

    def _versions(self, name: str) -> Iterator[ModelVersion]:
        for file in self._files(f"{name}/versions"):
            if found := self._read(f"{name}/versions/{file}", ModelVersion):
                yield found

    def _newest(self, name: str, alias: str) -> tuple[int, AliasMove | None]:
        folder = f"{check_name('name', name)}/aliases/{check_name('alias', alias)}"
        number = self._last(folder)
        return number, self._read(_file(folder, number), AliasMove) if number else None

    def _files(self, folder: str) -> list[str]:
        return [name for name in self._records.names(folder) if name.endswith(".json") and not name.startswith(".")]

    def _last(self, folder: str) -> int:
        files = self._files(folder)
        return int(files[-1].removesuffix(".json")) if files else 0

    def _read(self, file: str, kind: type[RecordT]) -> RecordT | None:
        content = self._records.read(file)
        if content is None:
            return None
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            raise FateServerError(
                f"{self._records.place(file)} is damaged ({'.'.join(map(str, first['loc']))}: {first['msg']}).",
                hint="Restore it from the storage's versions or a backup; records of a registry are never changed.",
            ) from None


def _file(folder: str, number: int) -> str:
    return f"{folder}/{number:08}.json"


def _bytes(record: BaseModel) -> bytes:
    return (record.model_dump_json(indent=1) + "\n").encode()
