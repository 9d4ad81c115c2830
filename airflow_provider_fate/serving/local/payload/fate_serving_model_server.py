"""KServe's model server over the ONNX files of a folder: python fate_serving_model_server.py FOLDER SOCKET.

A file ``<key>.onnx`` is the model ``<key>``. Those that are there are loaded before the first answer; others by
``POST /v2/repository/models/<key>/load``. It listens on a UNIX socket: KServe itself would listen on all interfaces.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from fate_serving_onnx import SCORE, Columns, GraphError
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository, ModelServer
from kserve.errors import InvalidInput
from kserve.protocol.rest.server import RESTServer

log = logging.getLogger("fate.serving")


class OnnxModel(Model):  # type: ignore[misc]  # KServe is in the environment of the server only
    """One file."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._graph = Columns(str(path))
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """For the metadata of the protocol."""
        return [{"name": name, "datatype": "FP32", "shape": [-1, 1]} for name in self._graph.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Likewise."""
        return [{"name": SCORE, "datatype": "FP32", "shape": [-1, self._graph.width]}]

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Score the rows of a request."""
        if not isinstance(payload, InferRequest):
            raise InvalidInput("ask with the Open Inference Protocol v2: an input for each column")
        names = [one.name for one in payload.inputs]
        if len(set(names)) != len(names):
            raise InvalidInput(f"an input is there twice: {', '.join(names)}")
        try:
            scores = await asyncio.to_thread(self._graph.run, {one.name: one.as_numpy() for one in payload.inputs})
        except GraphError as error:
            raise InvalidInput(str(error)) from None
        output = InferOutput(name=SCORE, shape=list(scores.shape), datatype="FP32")
        output.set_data_from_numpy(scores, binary_data=False)
        return InferResponse(response_id=payload.id or uuid4().hex, model_name=self.name, infer_outputs=[output])


class Folder(ModelRepository):  # type: ignore[misc]
    """The files of a folder as models."""

    def load(self, name: str) -> bool:
        """Load a file, unless it is loaded: a key is made of the checksum, so it cannot have changed."""
        if self.get_model(name) is None:
            self.update(OnnxModel(name, Path(self.models_dir) / f"{name}.onnx"))
        return True

    def load_all(self) -> None:
        """Load what is there; a file that cannot be loaded is told when it is asked for."""
        for path in sorted(Path(self.models_dir).glob("*.onnx")):
            try:
                self.load(path.stem)
            except GraphError as error:
                log.error("%s: %s", path.name, error)


def listen(place: str) -> socket.socket:
    """Listen on a socket that only this user can reach; it appears when it can be connected to."""
    made = f"{place}.new"
    Path(made).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o077)
    try:
        sock.bind(made)
    finally:
        os.umask(old)
    sock.listen(512)
    Path(made).rename(place)  # one that is left of a server that was killed is replaced
    return sock


def main() -> None:
    """Serve until it is asked to end."""
    folder, place = sys.argv[1:3]
    sys.argv = sys.argv[:1]  # KServe reads them, too
    models = Folder(folder)
    models.load_all()
    server = ModelServer(enable_grpc=False, registered_models=models)
    logging.getLogger("kserve.trace").setLevel(logging.WARNING)  # a line for each request
    rest = RESTServer(
        "kserve.model_server:app", server.dataplane, server.model_repository_extension, http_port=0, grace_period=20
    )
    rest.run(sockets=[listen(place)])


if __name__ == "__main__":
    main()
