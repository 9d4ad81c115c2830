"""What every registry of models can do, whatever keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, Protocol

from airflow_provider_fate.errors import FateAliasMoved, FateInputError, FateModelNotFound
from airflow_provider_fate.models.registry.records import AliasMove, ModelVersion, RegisteredModel

__all__ = ["Registry", "alias_moved", "next_move", "no_alias", "no_version", "package_differs"]


class Registry(Protocol):
    """Versions and aliases of models.

    A version never changes, and one package is one version. Of two that move an alias at the same time one wins, and
    the other is told; so is who decided on the basis of another version than the one at which the alias points.
    """

    def register(self, name: str, model: RegisteredModel) -> tuple[ModelVersion, bool]:
        """Add a version; the same package twice is one version, also where two add it at the same time.

        Who was killed in the midst of it, or has lost an answer, calls it again: then it is finished.

        :returns: the version, and whether it is new.
        """

    def version(self, name: str, version: int) -> ModelVersion:
        """A version.

        :raises FateModelNotFound: there is none; says which there are.
        """

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, oldest first."""

    def names(self) -> list[str]:
        """Names of all models that have a version."""

    def alias(self, name: str, alias: str) -> AliasMove | None:
        """Where an alias points, by its newest move; ``None``: it never pointed anywhere."""

    def aliases(self, name: str) -> dict[str, int]:
        """Versions by alias."""

    def resolve(self, name: str, alias: str) -> ModelVersion:
        """The version at which an alias points.

        :raises FateModelNotFound: it points at none; says which aliases there are.
        """

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

        :param version: ``None``: at none any more.
        :param expected: the version at which it must point now, ``None`` for none: what the decision was based on.
        :param reason: why, for people.
        :param run: the run of Airflow that moves it.
        :raises FateModelNotFound: there is no such version.
        :raises FateAliasMoved: it points elsewhere than expected, or was moved at the same moment.
        """

    def history(self, name: str, alias: str) -> list[AliasMove]:
        """All moves of an alias that were made through this interface, oldest first."""

    def page(self, name: str, version: int | None = None) -> str | None:
        """URL of the page that shows a model, or a version of it, to people; ``None``: there is none."""

    def close(self) -> None:
        """Let go of connections."""


# --- the same rules and words, whatever keeps it ----------------------------------------------------------------------


def next_move(
    before: AliasMove | None,
    *,
    name: str,
    alias: str,
    version: int | None,
    expected: int | Literal["any"] | None,
    reason: str,
    run: Mapping[str, str] | None,
) -> AliasMove | None:
    """Return the move that follows another one; ``None``: the alias points there already.

    :param before: the newest move; ``None``: there is none.
    :raises FateAliasMoved: the alias points elsewhere than expected.
    """
    current = before.version if before is not None else None
    if before is not None and current == version:
        return None
    if expected != "any" and current != expected:
        raise alias_moved(name, alias, before, expected)
    return AliasMove(
        name=name,
        alias=alias,
        version=version,
        previous=current,
        moved=datetime.now(tz=UTC),
        reason=reason,
        run=dict(run or {}),
    )


def no_version(name: str, version: int, newest: int | None) -> FateModelNotFound:
    """Return the error for a version that is not there.

    :param newest: number of the newest one; ``None``: there is none.
    """
    there = f"Its newest version is {newest}." if newest else "Nothing is registered under this name."
    return FateModelNotFound(f"The registry has no version {version} of {name!r}.", hint=there)


def no_alias(name: str, alias: str, aliases: Mapping[str, int]) -> FateModelNotFound:
    """Return the error for an alias that points at no version.

    :param aliases: those that do.
    """
    there = ", ".join(f"{known} (version {at})" for known, at in aliases.items())
    return FateModelNotFound(
        f"No version of {name!r} is {alias!r}.",
        hint=f"Aliases of it: {there}." if there else "It has no alias yet: point one at a version first.",
    )


def alias_moved(name: str, alias: str, now: AliasMove | None, expected: int | Literal["any"] | None) -> FateAliasMoved:
    """Return the error for an alias that somebody else has moved.

    :param now: where it points.
    :param expected: where it was to point; ``"any"``: it was moved in the same moment.
    """
    how = "since a moment ago" if expected == "any" else f"and not at {_words(expected)}"
    run = now.run if now is not None else {}
    who = "/".join(value for key, value in run.items() if key != "url")
    by = f", moved by {who}" if who else ""
    return FateAliasMoved(
        f"{alias!r} of {name!r} points at {_words(now.version if now else None)} {how}{by}.",
        hint="Somebody has decided meanwhile. Compare with the version that it points at now, and decide again.",
    )


def package_differs(place: str, sha256: str) -> FateInputError:
    """Return the error for a package that is not the one that is registered."""
    return FateInputError(
        f"package={place!r} has the sha256 {sha256}, which is not the one that its export has told.",
        hint="Something has written over it since. Export the model again, into a folder of its own.",
    )


def _words(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
