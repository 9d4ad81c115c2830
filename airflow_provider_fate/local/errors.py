"""What goes wrong with a FATE on this machine; each error says what to do about it."""

from __future__ import annotations

from airflow_provider_fate.errors import FateError


class LocalFateError(FateError):
    """Base of the errors of this package."""


class InstallError(LocalFateError):
    """FATE's environment could not be made: no Python, no disk, no network, or packages that do not fit."""


class StartError(LocalFateError):
    """The server did not come up; the message carries the end of its log."""


class StopError(LocalFateError):
    """Processes of the instance could not be ended."""
