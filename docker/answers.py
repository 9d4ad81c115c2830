"""Health check of containers without curl: python3 answers.py URL. Exit status 0 when it answers.

FATE-Flow says HTTP 200 whatever happens; of its JSON the code has to be 0.
"""

from __future__ import annotations

import json
import sys
import urllib.request


def answers(url: str, timeout: float = 5.0) -> bool:
    """Whether a server answers at `url`, within `timeout` seconds, and means it."""
    # A proxy in the environment must not stand between a container and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as reply:
            body = reply.read()
    except OSError:
        return False
    try:
        data = json.loads(body)
    except ValueError:
        return True  # not every server speaks JSON
    return not isinstance(data, dict) or data.get("code", 0) == 0


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
