"""Client authentication of the fake server, as FATE-Flow 2.2 does it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .replies import Answer, Refusal

ROLES = ["client", "super_client", "site", "worker", "super_worker"]
_ADMIN_PAGES = ("/app", "/permission")


@dataclass
class FakeApp:
    """An app and its role."""

    app_id: str
    token: str
    name: str
    kind: str = "client"
    role: str | None = None
    created: int = 0

    def record(self, *, created: bool = True) -> dict[str, Any]:
        """Return it as FATE-Flow writes it: with its token in clear."""
        record: dict[str, Any] = {
            "app_id": self.app_id,
            "app_name": self.name,
            "app_token": self.token,
            "app_type": self.kind,
        }
        return {**record, "create_time": self.created, "update_time": self.created} if created else record


class Gate:
    """Lets requests in.

    :ivar skew: seconds by which the server's clock is ahead.
    :ivar sites: whether other sites are authenticated, and what they use is checked.
    :ivar cured: whether the operator has mended the rules for ``permission/resource``.
    """

    def __init__(self, clock: Clock, *, on: bool) -> None:
        self.on = on
        self.skew = 0.0
        self.sites = False
        self.cured = False
        self.apps: dict[str, FakeApp] = {}
        self.partners: dict[str, tuple[str, str]] = {}
        self._clock = clock
        self.add("admin", token="fate_flow_admin", app_id="admin", role="admin")  # FATE-Flow's built-in

    def add(
        self,
        name: str,
        *,
        token: str | None = None,
        app_id: str | None = None,
        role: str | None = None,
        kind: str = "client",
    ) -> FakeApp:
        """Make an app."""
        app = FakeApp(
            app_id or str(secrets.randbelow(90_000_000) + 10_000_000),
            token or secrets.token_hex(8),
            name,
            kind,
            role,
            self._clock.millis(),
        )
        self.apps[app.app_id] = app
        return app

    def check(self, headers: Mapping[str, str], path: str) -> Answer | None:
        """Return the refusal of a request, or ``None``."""
        if not self.on:
            return None
        try:
            self._check(headers, path)
        except Refusal as refusal:
            return refusal.answer
        return None

    def _check(self, headers: Mapping[str, str], path: str) -> None:
        app_id, user = headers.get("appId"), headers.get("userName")
        nonce, timestamp, signature = headers.get("Nonce"), headers.get("Timestamp"), headers.get("Signature")
        for name, value in (("appId", app_id), ("Timestamp", timestamp), ("Nonce", nonce), ("Signature", signature)):
            if not value or (name == "Nonce" and len(value) != 4):
                raise Refusal(5001, f"Invalid parameter: name[{name}]")
        assert app_id is not None
        assert timestamp is not None
        if user is None:
            raise Refusal(6000, "TypeError('can only concatenate str (not \"NoneType\") to str')")
        if int(timestamp) / 1000 + 60 < self._clock.now() + self.skew:
            raise Refusal(5000, "Request has expired")
        app = self.apps.get(app_id)
        if app is None or app.role is None:
            raise Refusal(5005, "No Permission")
        key = hashlib.md5(f"{app_id}{user}{nonce}{timestamp}".encode()).hexdigest()
        if hashlib.md5(f"{key}{app.token}".encode()).hexdigest() != signature:
            raise Refusal(5003, "varify failed!")
        # FATE-Flow compares the methods of permission/resource/* in the wrong case, so nobody may call them.
        broken = path.startswith("/permission/resource/") and not self.cured
        if broken or (path.startswith(_ADMIN_PAGES) and app.role == "client"):
            raise Refusal(5004, "Authentication Failed")
