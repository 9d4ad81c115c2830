"""What Airflow has to be told about an instance."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from airflow_provider_fate.local.credentials import Credentials
from airflow_provider_fate.local.state import Address


@dataclass(frozen=True)
class AirflowConnection:
    """An Airflow connection of type ``fate`` to a site on this machine.

    :param address: where it answers.
    :param party_id: the site's party id.
    :param cores: the pool that the scheduler gives cores from.
    :param role: the site's usual role.
    :param credentials: what signs requests; None for a site that asks nobody who it is.
    """

    address: Address
    party_id: str
    cores: int
    role: str = "guest"
    credentials: Credentials | None = None

    @property
    def extra(self) -> dict[str, str | int]:
        """The connection's extra fields."""
        return {"party_id": self.party_id, "role": self.role, "cores": self.cores}

    def json(self) -> str:
        """As Airflow reads it from an ``AIRFLOW_CONN_*`` variable."""
        return json.dumps(
            {
                "conn_type": "fate",
                "host": self.address.host,
                "port": self.address.port,
                **self._login,
                "extra": self.extra,
            }
        )

    @property
    def _login(self) -> dict[str, str]:
        if self.credentials is None:
            return {}
        return {"login": self.credentials.app_id, "password": self.credentials.token}

    def uri(self) -> str:
        """As a connection URI."""
        extra = urlencode({"__extra__": json.dumps(self.extra)}, quote_via=quote)
        who = (
            f"{quote(self._login['login'], safe='')}:{quote(self._login['password'], safe='')}@" if self._login else ""
        )
        return f"fate://{who}{self.address.host}:{self.address.port}/?{extra}"

    def environment(self, conn_id: str) -> str:
        """The line that sets it in a shell or an env file."""
        return f"AIRFLOW_CONN_{conn_id.upper()}={shlex.quote(self.json())}"

    def command(self, conn_id: str) -> str:
        """The command that adds it to Airflow's database."""
        return shlex.join(
            ["airflow", "connections", "add", conn_id, "--conn-type", "fate", "--conn-host", self.address.host,
             "--conn-port", str(self.address.port),
             *(word for name, value in self._login.items() for word in (f"--conn-{name}", value)),
             "--conn-extra", json.dumps(self.extra)]
        )  # fmt: skip
