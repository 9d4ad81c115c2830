"""From what a DAG gives as ``model=`` to the file that is to be served."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.serving import ServedModel

__all__ = ["served_model"]

ONNX, CARD = "model.onnx", "card.json"
_CONVERT = "Make ONNX of it with FateModelConvertOperator first, and register or give its result."
_KEPT = ("name", "job_id", "model_id", "model_version", "party_id", "content_sha256")


def served_model(given: Any, version: str | None = None) -> ServedModel:
    """Find the ONNX of a model.

    :param given: a version in a registry (``{"registry", "name", "alias" or "version"}``), the result of
        ``FateModelRegisterOperator``, ``FateModelAliasOperator`` or ``FateModelConvertOperator``, a folder with
        ``card.json`` and ``model.onnx``, or a file ``.onnx``.
    :param version: what it is called; default: its number in the registry, else the beginning of its checksum.
    :raises FateInputError: it names no model, or one that was not converted.
    :raises FateModelNotFound: the registry has no such version.
    """
    from airflow_provider_fate.operators._registered import find_registered, names_a_registry

    if names_a_registry(given):
        found = find_registered(given)
        assert found is not None
        return _described(found.to_json() | {"registry": str(given["registry"])}, version)
    if isinstance(given, Mapping):
        return _as_it_is(given, version) if "format" in given else _described(given, version)
    if isinstance(given, str) and given:
        return _placed(given, version)
    raise FateInputError(
        f"model={given!r} names no model.",
        hint="Give {'registry': ..., 'name': ..., 'alias': 'champion'}, register.output, convert.output, or a folder.",
    )


def _as_it_is(given: Mapping[str, Any], version: str | None) -> ServedModel:
    """A model of another format, which only its server understands."""
    from airflow_provider_fate.storage.folder import require_no_password

    uri, label = str(given.get("uri") or ""), str(version or given.get("version") or "")
    for field, value in (("uri", uri), ("version", label)):
        if not value:
            raise FateInputError(
                f"model: {field} is missing in {dict(given)!r:.300}.",
                hint="Write {'uri': 's3://conn_id@bucket/folder', 'format': 'sklearn', 'version': '3'}.",
            )
    require_no_password("model: uri", uri)
    return _model(label, uri, given.get("sha256"), (), 0, {}, format=str(given["format"]))


def _described(given: Mapping[str, Any], version: str | None) -> ServedModel:
    onnx, sha256 = given.get("onnx"), given.get("onnx_sha256")
    who = f"version {given['version']} of {given.get('name')!r}" if given.get("version") else f"{dict(given)!r:.300}"
    if not onnx:
        raise FateInputError(f"model: {who} has no ONNX: FATE's own package cannot be served.", hint=_CONVERT)
    label = version or (str(given["version"]) if given.get("version") else None)
    kept = {name: str(given[name]) for name in _KEPT if given.get(name)}
    if given.get("registry"):
        kept["registry"] = str(given["registry"])
    return _model(label, str(onnx), sha256, given.get("inputs") or (), int(given.get("width") or 0), kept)


def _placed(place: str, version: str | None) -> ServedModel:
    """A folder of a package that was converted, or a graph alone."""
    from pydantic import ValidationError

    from airflow_provider_fate.models.card import ModelCard
    from airflow_provider_fate.storage.folder import StoredFolder, fetch_file, require_no_password

    require_no_password("model", place)
    if place.endswith(".onnx"):
        above, _, name = place.rpartition("/")
        try:
            sha256 = StoredFolder(above).sha256(name)
        except FileNotFoundError:
            raise FateInputError(f"model: {place} is not there.", hint="Convert the model first.") from None
        return _model(version, place, sha256, (), 0, {})
    folder = StoredFolder(place.rpartition("/")[0] if place.endswith(".zip") else place)
    with tempfile.TemporaryDirectory(prefix="fate-serve-") as temporary:
        file = Path(temporary) / CARD
        try:
            fetch_file(folder.place(CARD), file)
            card = ModelCard.model_validate_json(file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise FateInputError(
                f"model: there is no {CARD} in {folder.url}.", hint="Give the target of FateModelConvertOperator."
            ) from None
        except ValidationError:
            raise FateInputError(f"model: {folder.place(CARD)} is no model card.", hint=_CONVERT) from None
    if card.conversion is None:
        raise FateInputError(f"model: the package in {folder.url} was not converted to ONNX.", hint=_CONVERT)
    made, of = card.conversion, card.model
    labels = {"job_id": of.job_id, "model_id": of.model_id, "model_version": of.model_version}
    return _model(version, folder.place(ONNX), made.sha256, made.inputs, made.width, labels)


def _model(
    version: str | None,
    uri: str,
    sha256: Any,
    inputs: Any,
    width: int,
    labels: dict[str, str],
    *,
    format: str = "onnx",
) -> ServedModel:
    from pydantic import ValidationError

    from airflow_provider_fate.serving import ServedModel

    label = version if version is not None else str(sha256 or "")[:12]
    try:
        return ServedModel(
            version=label, uri=uri, sha256=sha256, format=format, inputs=tuple(inputs), width=width, labels=labels
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise FateInputError(
            f"model: {'.'.join(map(str, first['loc']))}={first.get('input')!r} cannot be right: {first['msg']}.",
            hint="Versions have letters, digits, '.', '_' and '-'; the rest is as a conversion has given it.",
        ) from None
