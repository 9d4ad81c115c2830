"""Where an Airflow is, and who asks."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from airflow_provider_fate.clients.http import BearerSettings, LoginSettings

from .auth import AirflowLogin

__all__ = ["AirflowApiSettings"]


@dataclass(frozen=True, slots=True)
class AirflowApiSettings(LoginSettings):
    """Settings of an Airflow's API server.

    :param user: with it, ``token`` is its password, for which a token (JWT) is got from ``/auth/token``.
    :param token: without a user, a JWT of Airflow; hidden in ``repr``.
    """

    def auth(self) -> httpx.Auth | None:
        """Return what logs in, and adds the token to requests."""
        if self.user is None:
            return BearerSettings.auth(self)
        return AirflowLogin(self.root_url, self.user, self.token or "", timeout=self.timeout)
