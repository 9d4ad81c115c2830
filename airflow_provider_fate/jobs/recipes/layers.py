"""Neural networks described as data, the way FATE's runners load them, without torch in this environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airflow_provider_fate.jobs.builder import JsonObject
from airflow_provider_fate.jobs.problems import did_you_mean
from airflow_provider_fate.jobs.recipes.plain import plain_errors

__all__ = ["LOSSES", "OPTIMIZERS", "Layer", "mlp", "network", "width_problem"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What `torch.nn` offers as a layer of a sequence that takes one tensor and gives one.
_LAYERS = _words(
    """AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AlphaDropout AvgPool1d AvgPool2d
    AvgPool3d BatchNorm1d BatchNorm2d BatchNorm3d CELU ChannelShuffle ConstantPad1d ConstantPad2d Conv1d Conv2d Conv3d
    ConvTranspose1d ConvTranspose2d ConvTranspose3d Dropout Dropout1d Dropout2d Dropout3d ELU Embedding
    FeatureAlphaDropout Flatten Fold GELU GLU GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh Identity
    InstanceNorm1d InstanceNorm2d InstanceNorm3d LPPool1d LPPool2d LayerNorm LazyLinear LeakyReLU Linear
    LocalResponseNorm LogSigmoid LogSoftmax MaxPool1d MaxPool2d MaxPool3d Mish PReLU PixelShuffle PixelUnshuffle RMSNorm
    RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d SELU SiLU Sigmoid Softmax
    Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold Unflatten Unfold Upsample
    ZeroPad2d"""
)

LOSSES = _words(
    """BCELoss BCEWithLogitsLoss CrossEntropyLoss GaussianNLLLoss HuberLoss KLDivLoss L1Loss MSELoss MultiMarginLoss
    NLLLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss"""
)

OPTIMIZERS = _words("ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax NAdam RAdam RMSprop Rprop SGD")


@plain_errors
class Layer(BaseModel):
    """One layer: the name of a class of ``torch.nn``, and what it is made with.

    It may be written as a name (``"ReLU"``) or flat: ``{"type": "Linear", "in_features": 30, "out_features": 16}``.

    :param type: the class, such as ``"Linear"``.
    :param kwargs: its arguments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value}
        if isinstance(value, dict) and "kwargs" not in value:
            return {"type": value.get("type", ""), "kwargs": {k: v for k, v in value.items() if k != "type"}}
        return value

    @model_validator(mode="after")
    def _can_be_made(self) -> Layer:
        if self.type not in _LAYERS:
            by_lower_case = {name.lower(): name for name in _LAYERS}
            close = did_you_mean(self.type, by_lower_case, otherwise="Use the name of a class, such as 'Linear'.")
            for lower, name in by_lower_case.items():
                close = close.replace(repr(lower), repr(name))
            raise ValueError(f"torch.nn has no layer {self.type!r}. {close}")
        if self.type == "Linear":
            for name in ("in_features", "out_features"):
                if not isinstance(size := self.kwargs.get(name), int) or size < 1:
                    raise ValueError(f"a Linear layer needs {name}, a whole number of at least 1, not {size!r}")
        return self

    def conf(self) -> JsonObject:
        """Return it as FATE's loader takes it."""
        return torch_item("torch.nn", self.type, self.kwargs)


def mlp(features: int, *hidden: int, out: int = 1, end: str | None = "Sigmoid") -> list[Layer]:
    """Return the layers of a perceptron.

    :param features: columns of the data.
    :param hidden: width of each hidden layer; ReLU follows each.
    :param out: outputs.
    :param end: the last activation; ``Sigmoid`` gives the probability of a label of 0 and 1.
    """
    layers: list[Layer] = []
    width = features
    for size in hidden:
        layers += [Layer(type="Linear", kwargs={"in_features": width, "out_features": size}), Layer(type="ReLU")]
        width = size
    layers.append(Layer(type="Linear", kwargs={"in_features": width, "out_features": out}))
    return [*layers, Layer(type=end)] if end else layers


def torch_item(module: str, name: str, kwargs: dict[str, Any] | None = None) -> JsonObject:
    """Return a class and its arguments in the notation of FATE's loader."""
    return {"module_name": module, "item_name": name, "kwargs": dict(kwargs or {})}


def network(layers: Sequence[Layer]) -> JsonObject:
    """Return a sequence of layers as FATE's ``model_conf``."""
    # FATE sorts the keys as text when it reads them back from JSON: of eleven layers "10" would come before "2".
    digits = len(str(len(layers) - 1))
    sequence = {f"{position:0{digits}d}": layer.conf() for position, layer in enumerate(layers)}
    return torch_item("fate.components.components.nn.torch.base", "load_seq", {"seq_conf": sequence})


def width_problem(layers: Sequence[Layer]) -> str | None:
    """Say where the width of one Linear layer does not meet the next one's, if only element-wise layers are between."""
    width: int | None = None
    for position, layer in enumerate(layers):
        if layer.type == "Linear":
            if width is not None and layer.kwargs["in_features"] != width:
                return f"layer {position} takes {layer.kwargs['in_features']} values, but gets {width}"
            width = layer.kwargs["out_features"]
        elif layer.type not in _KEEP_WIDTH:
            width = None
    return None


def first_width(layers: Sequence[Layer]) -> int | None:
    """Return how many values the sequence takes, if it begins with a Linear layer."""
    return layers[0].kwargs["in_features"] if layers and layers[0].type == "Linear" else None


def last_width(layers: Sequence[Layer]) -> int | None:
    """Return how many values the sequence gives, as far as Linear and element-wise layers tell."""
    for layer in reversed(layers):
        if layer.type == "Linear":
            return int(layer.kwargs["out_features"])
        if layer.type not in _KEEP_WIDTH:
            return None
    return None


_KEEP_WIDTH = _words(
    """AlphaDropout BatchNorm1d CELU Dropout ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LayerNorm
    LeakyReLU LogSigmoid LogSoftmax Mish PReLU RMSNorm RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmin Softplus
    Softshrink Softsign Tanh Tanhshrink Threshold"""
)
