"""Record the traffic of a real FATE-Flow into ``tests/recordings/traffic``.

    fate-local start
    python -m tests.recordings.record --port 9380

It takes some minutes: PSI jobs really run. What names this machine (paths, addresses) and what looks like a
secret is replaced before anything is written; the script refuses to write what still holds a path of this
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fate_flow.models.server import masked

from .scenario import Conversation, hold

TRAFFIC = Path(__file__).parent / "traffic"

_ROWS = 3
_PATH = re.compile(r"(?<![\w/.:])/(?!srv/fate/|v2/)(?:[\w.@+-]+/)+(?=[\w.@+-])")
_DIRECTORY = re.compile(r"/\w+")
_URL_PATH = re.compile(r"(?<=file://)/(?!srv/fate/)(?:[\w.@+-]+/)+")


def sanitised(value: Any, port: int) -> Any:
    """Return JSON without anything that names this machine, and without the bulk."""
    if isinstance(value, dict):
        return {
            key: {name: sanitised(part, port) for name, part in item.items() if name != "conf"}
            if key == "component_parameters" and isinstance(item, dict)
            else sanitised(item[:_ROWS], port)
            if key in ("display", "data") and isinstance(item, list) and item and isinstance(item[0], list)
            else sanitised(item, port)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [sanitised(item, port) for item in value]
    if isinstance(value, str):
        value = _URL_PATH.sub("/srv/fate/", _PATH.sub("/srv/fate/", value))
        if _DIRECTORY.fullmatch(value):
            return "/srv"
        return value.replace(str(port), "9380")
    return 9380 if value == port else value


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9380)
    options = parser.parse_args()
    talk = Conversation(f"http://{options.host}:{options.port}", progress=print)
    hold(talk)
    TRAFFIC.mkdir(exist_ok=True)
    for old in TRAFFIC.glob("*.json"):
        old.unlink()
    home = {str(Path.home()), str(Path.cwd()), os.environ.get("VIRTUAL_ENV") or str(Path.home())}
    for exchange in talk.exchanges.values():
        content = masked(asdict(exchange))
        content["body"] = sanitised(content["body"], options.port)
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        if found := [place for place in home if place in text]:
            raise SystemExit(f"{exchange.name} still holds {found}")
        (TRAFFIC / f"{exchange.name}.json").write_text(text + "\n")
    print(f"{len(talk.exchanges)} answers in {TRAFFIC}")


if __name__ == "__main__":
    main()
