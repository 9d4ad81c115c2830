"""What a horizontal model has learnt, as named tensors: safetensors, which is data and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConfigError, FateInputError
from airflow_provider_fate.models.convert.linear import homo_coefficients
from airflow_provider_fate.models.convert.network import read_state
from airflow_provider_fate.models.convert.reading import read_side, trained_part
from airflow_provider_fate.models.package import ModelPackage

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Tensors", "tensors_of"]


@dataclass(frozen=True)
class Tensors:
    """Named tensors, as a file of safetensors.

    :ivar safetensors: the file. Its metadata have ``fate``: JSON with the job, the component, the columns in order, and
        of a network how the job describes it.
    :ivar shapes: by name.
    :ivar component: what has trained.
    """

    safetensors: bytes
    shapes: Mapping[str, tuple[int, ...]]
    component: str


def tensors_of(package: ModelPackage, *, columns: Sequence[str] | None = None) -> Tensors:
    """Read what a homo LR or a homo NN has learnt.

    Of a network these are torch's own names and types, whatever its layers and its code are: ``load_state_dict`` takes
    them. Of an LR they are ``coef`` (a line for each class, one of two classes) and ``intercept``.

    :param columns: the columns of the training table, in order, as the model card has them.
    :raises FateInputError: it is another model, or the number of columns is another one.
    :raises FateModelPackageError: the weights hold anything but tensors.
    :raises FateConfigError: the package ``safetensors`` is not installed.
    """
    part = trained_part(package)
    described: Any = None
    if part.component == "homo_nn":
        state = read_state(package, part)
        tensors, described = dict(state.tensors), state.conf
    elif part.component == "homo_lr":
        tensors = _coefficients(package, columns)
    else:
        raise FateInputError(
            f"The model of task {part.task} ({part.component}) has no tensors of its own.",
            hint="A horizontal LR or network has. Of a vertical model each party holds a part: convert all to ONNX.",
        )
    about = {
        "job_id": package.manifest.job_id,
        "component": part.component,
        "package_sha256": package.sha256,
        "columns": None if columns is None else list(columns),
        "network": described,
    }
    written = _save(tensors, {"fate": json.dumps(about, sort_keys=True, default=str)})
    return Tensors(written, {name: tensor.shape for name, tensor in sorted(tensors.items())}, part.component)


def _coefficients(package: ModelPackage, columns: Sequence[str] | None) -> dict[str, npt.NDArray[Any]]:
    import numpy as np

    weights, biases = homo_coefficients(read_side(package).model)
    if columns is not None and len(columns) != len(weights[0]):
        raise FateInputError(
            f"The homo LR was trained on {len(weights[0])} columns, and {len(columns)} are given.",
            hint="Give those of the training table in order, as the model card has them.",
        )
    return {"coef": np.asarray(weights, dtype=np.float64), "intercept": np.asarray(biases, dtype=np.float64)}


def _save(tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    try:
        import numpy as np
        from safetensors.numpy import save
    except ImportError:
        raise FateConfigError(
            "The package safetensors is not installed here.",
            hint="Install airflow-provider-fate[onnx] on the worker.",
        ) from None
    written: bytes = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, dict(metadata))
    return written
