"""From the packages of a model to one ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Graph
from airflow_provider_fate.models.convert.linear import hetero_linear, homo_lr
from airflow_provider_fate.models.convert.network import homo_nn, read_network
from airflow_provider_fate.models.convert.reading import Side, Transforms, read_side, trained_part
from airflow_provider_fate.models.convert.trees import secureboost
from airflow_provider_fate.models.package import ModelPackage

__all__ = ["Converted", "convert"]


@dataclass(frozen=True)
class Converted:
    """A model as ONNX, not compared with FATE yet.

    :param onnx: the file. Its inputs are raw columns, each ``float32`` of shape ``[rows, 1]``; its output is ``score``.
    :param inputs: names of the inputs, in order.
    :param width: numbers of ``score`` for each row: 1 (the probability of the positive class, or a value), or one for
        each class.
    :param component: what has trained.
    """

    onnx: bytes
    inputs: tuple[str, ...]
    width: int
    component: str


def convert(
    packages: Sequence[ModelPackage],
    *,
    columns: Sequence[str] | None = None,
    signed_off: Collection[str] = (),
    transforms: Mapping[str, Transforms] | None = None,
    order: Sequence[str] = (),
) -> Converted:
    """Make one graph of a model.

    :param packages: one package of a homo LR or NN, or those of all parties of a hetero job, except its arbiter.
    :param columns: for a homo model: the columns of the training table, in order, as the model card has them.
    :param signed_off: for a hetero model: sha256 of each package, as its party has approved it.
    :param transforms: by the task of each binning, what it has put in the place of values (``bin_idx``, or ``None``);
        FATE's model does not say, the job's description does.
    :param order: tasks in the order in which they ran; default: binnings before scalings, as recipes have it.
    :raises FateInputError: the packages are not of one job, one is missing or not signed off, or a step of the job
        cannot become part of a graph.
    :raises FateConfigError: the package ``onnx`` is not installed.
    """
    if not packages:
        raise FateInputError("No package was given.", hint="Give the package of each party.")
    _require_one_job(packages)
    sides = [read_side(package, transforms=transforms, order=order) for package in packages]
    sides.sort(key=lambda side: (side.role != "guest", side.who))
    graph = Graph()
    component = sides[0].component
    if component.startswith("homo_"):
        if len(sides) != 1:
            raise FateInputError("A homo model is whole at each party.", hint="Give the package of one party.")
        if component == "homo_nn":
            network = read_network(packages[0], trained_part(packages[0]))
            scores, width = homo_nn(network, columns, sides[0].steps, graph)
        else:
            scores, width = homo_lr(sides[0], columns, graph)
    else:
        _require_all(packages, sides, signed_off)
        scores, width = secureboost(sides, graph) if component == "hetero_secureboost" else hetero_linear(sides, graph)
    about = {
        "fate.job_id": packages[0].manifest.job_id,
        "fate.component": component,
        "fate.packages": json.dumps(sorted(package.sha256 for package in packages)),
    }
    return Converted(graph.finish(scores, width, about), tuple(graph.inputs), width, component)


def _require_one_job(packages: Sequence[ModelPackage]) -> None:
    jobs = sorted({package.manifest.job_id for package in packages})
    if len(jobs) > 1:
        raise FateInputError(
            f"The packages are of several jobs: {', '.join(jobs)}.", hint="Give those of all parties of one job."
        )
    parties = [package.manifest.who for package in packages]
    if len(set(parties)) != len(parties):
        raise FateInputError(
            f"A party is there twice: {', '.join(sorted(parties))}.", hint="Give the package of each party once."
        )


def _require_all(packages: Sequence[ModelPackage], sides: Sequence[Side], signed_off: Collection[str]) -> None:
    manifest = packages[0].manifest
    wanted = {f"{p.role} {p.party_id}" for p in manifest.parties if p.role != "arbiter"}
    if missing := wanted - {package.manifest.who for package in packages}:
        raise FateInputError(
            f"The part of {', '.join(sorted(missing))} is missing.", hint="Give the package of each party of the job."
        )
    if len({side.component for side in sides}) > 1:
        kinds = ", ".join(f"{side.who}: {side.component}" for side in sides)
        raise FateInputError(f"The parts are not of one model ({kinds}).", hint="Give the packages of one job.")
    agreed = {checksum.lower() for checksum in signed_off}
    for package in packages:
        if package.sha256 not in agreed:
            raise FateInputError(
                f"{package.manifest.who} has not signed off its package (sha256 {package.sha256}).",
                hint="Put together, the parts show each party's columns and coefficients to whoever has the graph. Ask "
                "each party, and give the checksum that it has approved.",
            )
