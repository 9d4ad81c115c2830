"""What lets MLflow load an ONNX model that lies beside it: ``mlflow.pyfunc.load_model("models:/name@champion")``."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["write_mlmodel"]

_REQUIREMENTS = ("mlflow>=3", "onnx>=1.16", "onnxruntime>=1.18", "numpy", "pandas")


def write_mlmodel(folder: Path, file: str) -> dict[str, Path]:
    """Write the files that describe a model to MLflow; return them by name.

    :param file: name of the ONNX file beside them.
    """
    described = {
        "flavors": {
            "onnx": {"code": None, "data": file, "providers": ["CPUExecutionProvider"]},
            "python_function": {
                "data": file,
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.onnx",
            },
        },
    }
    texts = {
        # They are YAML, which JSON is, too.
        "MLmodel": json.dumps(described, indent=1),
        "python_env.yaml": json.dumps({"python": "3.11", "dependencies": ["-r requirements.txt"]}),
        "requirements.txt": "\n".join(_REQUIREMENTS),
    }
    for name, text in texts.items():
        (folder / name).write_text(text + "\n")
    return {name: folder / name for name in texts}
