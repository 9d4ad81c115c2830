"""A FATE-Flow 2.2 that is none: a real HTTP server on loopback with scripted jobs, faults and a clock of its
own.

>>> with FakeFlow(script=Script(fail={"psi_0": Failure("ValueError: no")})) as fake:
...     flow = FlowClient(fake.settings)

It is held to the real one by ``tests/contract`` (the same tests on both) and ``tests/recordings`` (the same
keys and types as recorded traffic).
"""

from __future__ import annotations

from .clock import Clock
from .faults import Faults
from .jobs import FakeJob, FakeTask
from .replies import Call
from .script import Failure, Script
from .server import FakeFlow
from .tables import Table

__all__ = ["Call", "Clock", "Failure", "FakeFlow", "FakeJob", "FakeTask", "Faults", "Script", "Table"]
