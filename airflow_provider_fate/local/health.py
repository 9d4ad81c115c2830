"""Asking the server whether it lives: FATE-Flow's cheapest endpoint, without any dependency."""

from __future__ import annotations

import json
import urllib.request

from airflow_provider_fate.local import pins
from airflow_provider_fate.local.state import Address

#: A proxy set in the environment must not stand between us and our own loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


#: What a server answers that wants every question signed (`--secured`): it is there, and this one is not.
REFUSED = range(5000, 5010)


def version(address: Address, timeout: float = 5.0) -> str | None:
    """FATE-Flow's version, or None when it does not answer as FATE-Flow does.

    :param timeout: seconds.
    """
    try:
        with _OPENER.open(f"{address}/v2/server/fateflow", timeout=timeout) as reply:
            body = json.loads(reply.read())
        if body["code"] in REFUSED:
            return pins.FATE_VERSION
        instances = body["data"] if body["code"] == 0 else {}
        return next((str(i["version"]) for i in instances.values() if i["http_port"] == address.port), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
