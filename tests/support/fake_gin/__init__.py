"""What FedLCM and its site portal have in common, being written alike in Go with gin: see ``deploy_apis.md``, 3.

Redirects on slashes without a body, ``{"code", "message", "data"}`` with HTTP 500 for every error, nothing at all for a
panic, null for an empty list, and tokens that die with the process. Work goes on only while it is asked.
"""

from .service import Call, GinService, Panic, Worker, Wrong, route

__all__ = ["Call", "GinService", "Panic", "Worker", "Wrong", "route"]
