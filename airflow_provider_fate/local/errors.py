"""What goes wrong with a FATE on this machine; each error says what to do about it."""

from __future__ import annotations


class LocalFateError(Exception):
    """Base of the errors of this package.

    :param message: what happened.
    :param hint: what the user can do; shown on lines of its own.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InstallError(LocalFateError):
    """FATE's environment could not be made: no Python, no disk, no network, or packages that do not fit."""


class StartError(LocalFateError):
    """The server did not come up; the message carries the end of its log."""


class StopError(LocalFateError):
    """Processes of the instance could not be ended."""
