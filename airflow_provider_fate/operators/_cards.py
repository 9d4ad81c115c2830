"""A package that was exported, and the card that lies beside it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.models.package import ModelPackage

__all__ = ["CARD", "card_of", "fetch_package"]

log = logging.getLogger(__name__)

CARD = "card.json"


def fetch_package(given: Any, to: Path) -> tuple[ModelPackage, str]:
    """Fetch a package, and look through it.

    :param given: the result of ``FateModelExportOperator``, or the place of its ``model.zip``.
    :param to: file on this machine.
    :returns: the package, and where it was.
    :raises FateInputError: it names none, or there is none.
    :raises FateModelPackageError: it was changed.
    """
    from airflow_provider_fate.models.package import open_package
    from airflow_provider_fate.storage.folder import fetch_file, require_no_password

    result = given if isinstance(given, Mapping) else {}
    place = str((result.get("package") if isinstance(given, Mapping) else given) or "")
    if not place.endswith(".zip"):
        raise FateInputError(
            f"package={given!r} names no model package.",
            hint="Give export.output of a FateModelExportOperator, or the place of its model.zip.",
        )
    require_no_password("package", place)
    try:
        fetch_file(place, to)
    except FileNotFoundError:
        raise FateInputError(f"package {place} is not there.", hint="Export the model first.") from None
    return open_package(to, result.get("sha256"), place), place


def card_of(package: ModelPackage, place: str, card: str | None = None) -> ModelCard | None:
    """The card of a package, if there is one; one of another package is none of it.

    :param place: where the package was fetched from.
    :param card: place of the card; default: beside the package.
    """
    from pydantic import ValidationError

    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.storage.folder import fetch_file

    card = card or f"{place.rpartition('/')[0]}/{CARD}"
    with TemporaryDirectory(prefix="fate-card-") as temporary:
        file = Path(temporary) / CARD
        try:
            fetch_file(card, file)
            found = ModelCard.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            log.info("There is no card at %s", card)
            return None
        except ValidationError:
            log.warning("%s is no card of a model, and is passed over", card)
            return None
    if found.model.package_sha256 != package.sha256:
        log.warning("%s is the card of another package, and is passed over", card)
        return None
    return found
