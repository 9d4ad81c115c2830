"""Errors of gRPC, which FATE-Flow pastes into its messages with all their internals, in one sentence."""

from __future__ import annotations

import logging
import re

__all__ = ["without_grpc"]

log = logging.getLogger(__name__)

# Printed by Python as it is, or once more or twice as part of other text: newlines and quotes come with backslashes.
_GAP = r"(?:\\+[nt]|\s)*"
_ERROR = re.compile(
    rf"<_(?:Inactive|MultiThreaded)\w*Error of RPC that terminated with:{_GAP}status = StatusCode\.(?P<status>\w+)"
    rf'{_GAP}details = \\*"(?P<details>.*?)\\*"{_GAP}debug_error_string.*?(?:\\+n|\n)>',
    re.DOTALL,
)
_CAUSE = re.compile(r".*last error: (?:UNKNOWN: )?", re.DOTALL)


def without_grpc(text: str) -> str:
    """Return the text with each error of gRPC cut down to its status and its cause; the rest goes to the debug log."""
    short = _ERROR.sub(lambda found: f"{_CAUSE.sub('', found['details'])} (gRPC: {found['status']})", text)
    if short != text:
        log.debug("As the server has written it: %s", text)
    return short
