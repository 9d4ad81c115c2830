"""Write small networks as torch saves them, with what torch makes of the same rows. Run with the Python of a FATE:

<installation of fate-local>/venv/bin/python tests/unit/models/networks/make_networks.py
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
ROWS = 16
LINEAR = {"in_features": 4, "out_features": 3}
OUT = {"in_features": 3, "out_features": 1}


def net(*between, out=None):
    last = out or ["Linear", OUT]
    return [["Linear", LINEAR], *between, last]


NETWORKS = {
    "perceptron": [*net(["ReLU", {}]), ["Sigmoid", {}]],
    "classes": [
        *net(["Dropout", {"p": 0.5}], ["Tanh", {}], out=["Linear", {**OUT, "out_features": 3}]),
        ["Softmax", {"dim": 1}],
    ],
    "log_classes": [*net(out=["Linear", {**OUT, "out_features": 2, "bias": False}]), ["LogSoftmax", {"dim": -1}]],
    "batch_norm": net(["BatchNorm1d", {"num_features": 3}]),
    "plain_batch_norm": net(["BatchNorm1d", {"num_features": 3, "affine": False, "eps": 0.01}]),
    "layer_norm": net(["LayerNorm", {"normalized_shape": 3}]),
    "plain_layer_norm": net(["LayerNorm", {"normalized_shape": [3], "elementwise_affine": False}]),
    "leaky": net(["LeakyReLU", {"negative_slope": 0.2}]),
    "elu": net(["ELU", {"alpha": 0.7}]),
    "celu": net(["CELU", {"alpha": 0.7}]),
    "selu": net(["SELU", {}]),
    "gelu": net(["GELU", {}]),
    "silu": net(["SiLU", {}]),
    "mish": net(["Mish", {}]),
    "softplus": net(["Softplus", {}]),
    "softsign": net(["Softsign", {}]),
    "hardtanh": net(["Hardtanh", {"min_val": -0.5, "max_val": 0.3}]),
    "hardsigmoid": net(["Hardsigmoid", {}]),
    "hardswish": net(["Hardswish", {}]),
    "relu6": net(["ReLU6", {}]),
}


def main():
    torch.manual_seed(7)
    rows = torch.randn(ROWS, 4) * 3
    cases = {}
    for name, layers in NETWORKS.items():
        model = nn.Sequential(*(getattr(nn, kind)(**kwargs) for kind, kwargs in layers))
        model.train()
        for _ in range(3):
            model(torch.randn(32, 4) * 2 + 1)  # so that running means are not 0
        model.eval()
        with torch.no_grad():
            out = model(rows)
        torch.save(model.state_dict(), HERE / f"{name}.bin")
        cases[name] = {"layers": layers, "scores": out.tolist()}
    half = {"weight": torch.arange(6, dtype=torch.float32).reshape(2, 3).t().to(torch.bfloat16), "n": torch.tensor(7)}
    torch.save(half, HERE / "other_types.bin")
    text = json.dumps({"torch": torch.__version__, "rows": rows.tolist(), "cases": cases}, indent=1)
    (HERE / "networks.json").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
