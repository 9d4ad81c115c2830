"""One party's broker: carries what sites of one machine say to each other, as FATE's own OSX does between machines.

Started by the supervisor of a site that has partners, from FATE's own environment: FATE-Flow and FATE's algorithms
bring the messages that are spoken here. For FATE-Flow it passes control calls on by party id, and for the algorithms
it holds queues (``federation.osx`` with ``mode: queue``). Queues are in memory: a broker that is started again has lost
what was not read, as OSX has.

Must run on Python >= 3.9.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import signal
import sys
import sysconfig
import time

import grpc
from fate_flow.proto.rollsite import (
    basic_meta_pb2,  # noqa: F401 - the next one needs it to be there
    proxy_pb2_grpc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

SERVICE = "org.ppc.ptp.PrivateTransferTransport"
MESSAGES = "fate/arch/federation/backends/osx/osx_pb2.py"
DONE, NOTHING_CAME = "E0000000000", "E0000000601"
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Otherwise a second broker on the same port would take half of the calls.
    ("grpc.so_reuseport", 0),
)
#: What FATE-Flow says of a call beside its header.
CALL_HEADERS = ("service", "src-party-id", "src-role", "dest-party-id", "dest-role")
FROM, TARGET, SESSION = "x-ptp-from-node-id", "x-ptp-target-node-id", "x-ptp-session-id"
LONGEST_POP = 36_000.0


def queue_messages() -> ModuleType | None:
    """FATE's messages for queues, without the package around them, whose import brings torch; None without FATE."""
    path = os.path.join(sysconfig.get_paths()["purelib"], MESSAGES)
    spec = importlib.util.spec_from_file_location("osx_pb2", path)
    if spec is None or spec.loader is None or not os.path.exists(path):
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Broker:
    """Passes calls on, and holds the queues of its party.

    :param party: whose it is.
    :param flow: address of its FATE-Flow's gRPC server.
    :param peers: addresses of the other parties' brokers.
    """

    def __init__(self, party: str, flow: str, peers: dict[str, str]) -> None:
        self.party = party
        self.flow = flow
        self.peers = peers
        self.messages: Any = queue_messages()
        self.queues: dict[str, asyncio.Queue[bytes]] = {}
        self._channels: dict[str, Any] = {}

    def say(self, *words: object) -> None:
        """Write a line of log."""
        print(time.strftime("%Y-%m-%d %H:%M:%S"), *words, flush=True)

    def channel(self, address: str) -> Any:
        """The connection to another server."""
        if address not in self._channels:
            # A partner that was down for a minute is there again at once: gRPC would wait for up to two minutes.
            options = (*OPTIONS, ("grpc.max_reconnect_backoff_ms", 1000), ("grpc.initial_reconnect_backoff_ms", 200))
            self._channels[address] = grpc.aio.insecure_channel(address, options=options)
        return self._channels[address]

    async def refuse(self, context: Any, code: Any, text: str) -> None:
        """Answer with an error, which the log shows, too."""
        self.say(text)
        await context.abort(code, text)

    # -- what FATE-Flow says to FATE-Flow -------------------------------------------------------------------------

    async def unary_call(self, packet: Any, context: Any) -> Any:
        """Pass a call on: to this party's FATE-Flow, or to the broker of the party that it is for."""
        party = packet.header.dst.partyId
        address = self.flow if party == self.party else self.peers.get(party)
        if address is None:
            await self.refuse(context, grpc.StatusCode.UNAVAILABLE, f"broker of {self.party}: no route to {party}")
        headers = [(key, value) for key, value in context.invocation_metadata() if key in CALL_HEADERS]
        stub = proxy_pb2_grpc.DataTransferServiceStub(self.channel(str(address)))
        try:
            return await stub.unaryCall(packet, metadata=headers, timeout=context.time_remaining())
        except grpc.aio.AioRpcError as error:
            text = f"broker of {self.party}: party {party} at {address}: {error.details()}"
            await self.refuse(context, error.code(), text)

    # -- what algorithms say to each other ------------------------------------------------------------------------

    def queue(self, topic: str) -> asyncio.Queue[bytes]:
        """A queue; its name begins with the session of its job's task, and is used by nobody else."""
        return self.queues.setdefault(topic, asyncio.Queue())

    async def push(self, request: Any, context: Any) -> Any:
        """Put a message into its queue, here or at the party that it is for."""
        headers = dict(context.invocation_metadata())
        party = headers.get(TARGET, self.party)
        if party == self.party:
            self.queue(request.topic).put_nowait(request.payload)
            return self.messages.TransportOutbound(code=DONE, message="success")
        address = self.peers.get(party)
        if address is None:
            await self.refuse(context, grpc.StatusCode.UNAVAILABLE, f"broker of {self.party}: no route to {party}")
        call = self.channel(str(address)).unary_unary(
            f"/{SERVICE}/push",
            request_serializer=self.messages.PushInbound.SerializeToString,
            response_deserializer=self.messages.TransportOutbound.FromString,
        )
        passed = [(key, value) for key, value in headers.items() if key.startswith("x-ptp-")]
        try:
            return await call(request, metadata=passed, timeout=context.time_remaining())
        except grpc.aio.AioRpcError as error:
            text = f"broker of {self.party}: a message for party {party} at {address}: {error.details()}"
            await self.refuse(context, error.code(), text)

    async def pop(self, request: Any, context: Any) -> Any:
        """Take the next message out of a queue; wait for it as long as the request says."""
        patience = request.timeout / 1000 if request.timeout else LONGEST_POP
        try:
            payload = await asyncio.wait_for(self.queue(request.topic).get(), patience)
        except TimeoutError:
            return self.messages.TransportOutbound(code=NOTHING_CAME, message="no message came")
        return self.messages.TransportOutbound(code=DONE, message="success", payload=payload)

    async def release(self, request: Any, context: Any) -> Any:
        """Forget the queues of a session that is over."""
        session = dict(context.invocation_metadata()).get(SESSION)
        for topic in [name for name in self.queues if session and name.startswith(f"{session}-")]:
            del self.queues[topic]
        return self.messages.TransportOutbound(code=DONE, message="success")

    # -- serving --------------------------------------------------------------------------------------------------

    def server(self) -> Any:
        """A server of both; without FATE's algorithms (the variant ``server``) of the first only."""
        server = grpc.aio.server(options=OPTIONS)
        calls = type("Calls", (proxy_pb2_grpc.DataTransferServiceServicer,), {"unaryCall": self.unary_call})
        proxy_pb2_grpc.add_DataTransferServiceServicer_to_server(calls(), server)
        if self.messages is not None:
            verbs = {
                "push": (self.push, self.messages.PushInbound),
                "pop": (self.pop, self.messages.PopInbound),
                "release": (self.release, self.messages.ReleaseInbound),
            }
            handlers = {
                name: grpc.unary_unary_rpc_method_handler(
                    verb,
                    request_deserializer=message.FromString,
                    response_serializer=self.messages.TransportOutbound.SerializeToString,
                )
                for name, (verb, message) in verbs.items()
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        return server


async def serve(party: str, listen: str, flow: str, peers: dict[str, str]) -> None:
    """Serve until SIGTERM."""
    broker = Broker(party, flow, peers)
    server = broker.server()
    if not server.add_insecure_port(listen):
        sys.exit(f"the broker of {party} cannot listen on {listen}")
    await server.start()
    broker.say(f"broker of {party} on {listen}, FATE-Flow at {flow}, partners {peers}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(0)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--party", required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--flow", required=True)
    parser.add_argument("--peers", type=json.loads, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.party, arguments.listen, arguments.flow, arguments.peers))


if __name__ == "__main__":
    main()
