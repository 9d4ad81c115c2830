"""Homo NN: a sequence of torch's layers, as nodes of ONNX, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Graph
from airflow_provider_fate.models.convert.steps import Steps
from airflow_provider_fate.models.manifest import ModelPart, PartFile
from airflow_provider_fate.models.package import ModelPackage
from airflow_provider_fate.models.part import find_described
from airflow_provider_fate.models.weights import read_tensors, read_weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Network", "State", "homo_nn", "read_network", "read_state"]

_WEIGHTS = "pytorch_model.bin"
_LARGEST_META = 16 << 20
_ELSEWHERE = (
    "Networks of other layers, or with code of their own, have to be exported with torch.onnx where their code is: "
    "FateModelWeightsOperator gives their weights."
)


@dataclass(frozen=True)
class Network:
    """A sequence of layers.

    :param layers: class and arguments of each.
    :param weights: by layer and name: ``0.weight``.
    """

    layers: Sequence[tuple[str, Mapping[str, Any]]]
    weights: Mapping[str, npt.NDArray[np.float64]]


def read_network(package: ModelPackage, part: ModelPart) -> Network:
    """Read layers and weights from a package.

    :raises FateInputError: the network is not a sequence of layers, or its weights are not there.
    :raises FateModelPackageError: the weights cannot be read.
    """
    described, weights = _files(part)
    layers = _layers(_conf(package, part, described), part.task)
    with package.open(part, weights) as opened:
        return Network(layers, read_weights(opened, f"{part.task}/{weights.path}"))


@dataclass(frozen=True)
class State:
    """What a network has learnt, whatever it is made of.

    :param conf: how the job describes it.
    :param tensors: by torch's names, of the types that they have.
    """

    conf: Any
    tensors: Mapping[str, npt.NDArray[Any]]


def read_state(package: ModelPackage, part: ModelPart) -> State:
    """Read the weights of any network; no code of it is needed, and none is loaded.

    :raises FateInputError: its weights or its description are not there.
    :raises FateModelPackageError: the weights cannot be read.
    """
    described, weights = _files(part)
    conf = _conf(package, part, described)
    with package.open(part, weights) as opened:
        return State(conf, read_tensors(opened, f"{part.task}/{weights.path}"))


def _files(part: ModelPart) -> tuple[PartFile, PartFile]:
    """The description and the weights."""
    described = next((file for file in part.files if file.path.endswith(".meta.yaml")), None)
    weights = next((file for file in part.files if file.path.rpartition("/")[2] == _WEIGHTS), None)
    if described is None or weights is None or described.size > _LARGEST_META:
        raise FateInputError(
            f"The model of task {part.task} has no {_WEIGHTS} or no description.", hint="Export it again."
        )
    return described, weights


def _conf(package: ModelPackage, part: ModelPart, described: PartFile) -> Any:
    with package.open(part, described) as opened:
        conf = find_described(yaml.safe_load(opened), "runner_conf")
    return conf.get("model_conf") if isinstance(conf, Mapping) else None


def _layers(conf: Any, task: str) -> list[tuple[str, Mapping[str, Any]]]:
    described = conf if isinstance(conf, Mapping) else {}
    if described.get("item_name") != "load_seq":
        raise FateInputError(
            f"The network of task {task} is {described.get('item_name')!r}, and not a sequence of layers.",
            hint=_ELSEWHERE,
        )
    sequence = (described.get("kwargs") or {}).get("seq_conf") or {}
    # FATE sorts the names of layers as text.
    found = [sequence[key] for key in sorted(sequence, key=str)]
    for layer in found:
        if layer.get("module_name") != "torch.nn":
            raise FateInputError(
                f"The network of task {task} has a layer {layer.get('item_name')!r} of {layer.get('module_name')!r}.",
                hint=_ELSEWHERE,
            )
    return [(str(layer["item_name"]), layer.get("kwargs") or {}) for layer in found]


def homo_nn(network: Network, columns: Sequence[str] | None, steps: Steps, graph: Graph) -> tuple[str, int]:
    """Add a network.

    :param columns: the columns in the order of the training table; FATE's model has no names.
    :param steps: what was done to the columns before.
    :returns: name of the scores, and how many there are for each row.
    :raises FateInputError: the number of columns is another one, or a layer has no counterpart.
    """
    wanted = next((w.shape[1] for name, w in network.weights.items() if name.endswith("weight") and w.ndim == 2), None)
    if columns is None or len(set(columns)) != len(columns) or wanted not in (None, len(columns)):
        given = "none" if columns is None else f"{len(columns)}: {', '.join(columns)}"
        raise FateInputError(
            f"The network was trained on {wanted} columns, and columns={given}.",
            hint="FATE writes no names into it. Give those of the training table in order, as the model card has them.",
        )
    values, width = graph.columns([(name, steps.of(name)) for name in columns]), len(columns)
    for number, (kind, kwargs) in enumerate(network.layers):
        made = _LAYERS.get(kind)
        if made is None:
            raise FateInputError(f"Layer {number} ({kind}) cannot become part of the graph.", hint=_ELSEWHERE)
        own = {name.partition(".")[2]: w for name, w in network.weights.items() if name.startswith(f"{number}.")}
        values, width = made(_Place(graph, values, width, own, kwargs, f"Layer {number} ({kind})"))
    return values, width


@dataclass(frozen=True)
class _Place:
    """Where a layer is to be added: after which values, with which weights and arguments."""

    graph: Graph
    values: str
    width: int
    weights: Mapping[str, npt.NDArray[np.float64]]
    kwargs: Mapping[str, Any]
    what: str

    def node(self, kind: str, *more: str, **rest: Any) -> str:
        return self.graph.node(kind, [self.values, *more], **rest)

    def number(self, value: float) -> str:
        return self.graph.constant(value)

    def argument(self, name: str, default: Any, *only: Any) -> Any:
        """An argument of the layer.

        :param only: the values that can be taken over; default: any.
        """
        given = self.kwargs.get(name, default)
        if only and given not in only:
            raise FateInputError(f"{self.what} with {name}={given!r} cannot become part of the graph.", hint=_ELSEWHERE)
        return given

    def tensor(self, name: str, *shape: int) -> npt.NDArray[np.float64]:
        found = self.weights.get(name)
        if found is None or found.shape != shape:
            raise FateInputError(
                f"{self.what} has no {name} of {' x '.join(map(str, shape))} numbers.", hint="Export the model again."
            )
        return found


_Made = tuple[str, int]


def _linear(at: _Place) -> _Made:
    width = int(at.argument("out_features", 0))
    inputs = [at.graph.constant(at.tensor("weight", width, at.width))]
    if at.argument("bias", True):
        inputs.append(at.graph.constant(at.tensor("bias", width)))
    return at.node("Gemm", *inputs, transB=1), width


def _same(at: _Place) -> _Made:
    return at.values, at.width


def _simple(kind: str, **names: tuple[str, float]) -> Callable[[_Place], _Made]:
    """A function of each number, which ONNX calls by another name.

    :param names: attributes of ONNX, with torch's argument and its default.
    """

    def add(at: _Place) -> _Made:
        rest = {ours: float(at.argument(theirs, default)) for ours, (theirs, default) in names.items()}
        return at.node(kind, **rest), at.width

    return add


def _over_columns(kind: str) -> Callable[[_Place], _Made]:
    def add(at: _Place) -> _Made:
        # Without a dim torch guesses, which for rows of columns means the columns.
        at.argument("dim", None, None, 1, -1)
        return at.node(kind, axis=1), at.width

    return add


def _batch_norm(at: _Place) -> _Made:
    at.argument("track_running_stats", True, True)
    epsilon = float(at.argument("eps", 1e-5))
    mean, variance = at.tensor("running_mean", at.width), at.tensor("running_var", at.width)
    values = at.node("Sub", at.graph.constant(mean))
    values = at.graph.node("Div", [values, at.graph.constant((variance + epsilon) ** 0.5)])
    if at.argument("affine", True):
        values = at.graph.node("Mul", [values, at.graph.constant(at.tensor("weight", at.width))])
        values = at.graph.node("Add", [values, at.graph.constant(at.tensor("bias", at.width))])
    return values, at.width


def _layer_norm(at: _Place) -> _Made:
    at.argument("normalized_shape", at.width, at.width, [at.width], (at.width,))
    ones = [1.0] * at.width
    weight = at.tensor("weight", at.width) if at.argument("elementwise_affine", True) else ones
    inputs = [at.graph.constant(weight)]
    if "bias" in at.weights:
        inputs.append(at.graph.constant(at.tensor("bias", at.width)))
    return at.node("LayerNormalization", *inputs, axis=-1, epsilon=float(at.argument("eps", 1e-5))), at.width


def _gelu(at: _Place) -> _Made:
    at.argument("approximate", "none", "none")
    half = at.node("Mul", at.number(0.5))
    erf = at.graph.node("Erf", [at.node("Div", at.number(math.sqrt(2)))])
    return at.graph.node("Mul", [half, at.graph.node("Add", [erf, at.number(1.0)])]), at.width


def _silu(at: _Place) -> _Made:
    return at.node("Mul", at.node("Sigmoid")), at.width


def _mish(at: _Place) -> _Made:
    return at.node("Mul", at.graph.node("Tanh", [at.node("Softplus")])), at.width


def _softplus(at: _Place) -> _Made:
    at.argument("beta", 1, 1, 1.0)
    return at.node("Softplus"), at.width


def _hardtanh(at: _Place) -> _Made:
    low, high = float(at.argument("min_val", -1.0)), float(at.argument("max_val", 1.0))
    return at.node("Clip", at.number(low), at.number(high)), at.width


def _relu6(at: _Place) -> _Made:
    return at.node("Clip", at.number(0.0), at.number(6.0)), at.width


_LAYERS: Mapping[str, Callable[[_Place], _Made]] = {
    "Linear": _linear,
    # They act in training only.
    **dict.fromkeys(("Dropout", "AlphaDropout", "FeatureAlphaDropout", "Identity"), _same),
    "ReLU": _simple("Relu"),
    "Sigmoid": _simple("Sigmoid"),
    "Tanh": _simple("Tanh"),
    "Softsign": _simple("Softsign"),
    "LeakyReLU": _simple("LeakyRelu", alpha=("negative_slope", 0.01)),
    "ELU": _simple("Elu", alpha=("alpha", 1.0)),
    "CELU": _simple("Celu", alpha=("alpha", 1.0)),
    "SELU": _simple("Selu"),
    "Mish": _mish,
    "Hardswish": _simple("HardSwish"),
    # torch cuts x / 6 + 1/2, ONNX by default 0.2 x + 1/2.
    "Hardsigmoid": lambda at: (at.node("HardSigmoid", alpha=1 / 6, beta=0.5), at.width),
    "Softplus": _softplus,
    "Hardtanh": _hardtanh,
    "ReLU6": _relu6,
    "GELU": _gelu,
    "SiLU": _silu,
    "Softmax": _over_columns("Softmax"),
    "LogSoftmax": _over_columns("LogSoftmax"),
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
}
