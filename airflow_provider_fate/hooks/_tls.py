"""What the connections say of TLS, in the words of the HTTP client."""

from __future__ import annotations

__all__ = ["verification"]


def verification(verify: bool | None, ca_file: str | None) -> bool | str:
    """Whether a server's certificate is checked, and against which file of authorities.

    :param verify: as the connection has it; ``None``: it is.
    :param ca_file: a bundle; ``None``: the system's.
    """
    wanted = True if verify is None else verify
    return ca_file if wanted and ca_file else wanted
