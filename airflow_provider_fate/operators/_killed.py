"""The end of a task that is killed in the middle of its work."""

from __future__ import annotations


class Killed(BaseException):
    """Raised in ``on_kill``, unwinds what the task is at.

    No ``Exception``: nothing on the way may take it for a failure of its own, and go on.
    """
