"""Wait until a site is fit for work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_fate.operators._moments import seconds
from airflow_provider_fate.sensors._base import FateTimedSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.kinds.fate_health import FateHealth, HealthySite
    from airflow_provider_fate.remote.work import WorkKind


class FateClusterHealthSensor(FateTimedSensor["HealthySite"]):
    """Wait until a site answers, with the right version and a short queue, several looks in a row.

    For the time after a deployment, an upgrade or a restart, or before a large training. A site that is down, starts
    or is something else yet fails nothing: the wait goes on until ``timeout``. Only a site that refuses this connection
    (signature, permission, TLS), or is another party's, fails the task.

    All sensors of one triggerer that wait for the same site share its answers.

    :param fate_conn_id: Airflow connection of the site. (templated)
    :param version: version of FATE-Flow, or its beginning: ``2.2``; ``None``: any 2.x. (templated)
    :param max_waiting: so many jobs may wait; ``None``: any number.
    :param max_wait: so long may the oldest of them have waited, ``timedelta`` or seconds; ``None``: any time.
    :param max_cores: so many cores may the running jobs have taken; ``None``: any number.
    :param looks: so many looks in a row must find all this.
    :param timeout: how long to wait, ``timedelta`` or seconds; default: ``[sensors] default_timeout``, seven days. A
        timeout is not retried.
    :param poke_interval: shortest pause between two looks, ``timedelta`` or seconds.
    :param soft_fail: end as skipped at the timeout. Wrong arguments fail the task all the same.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param mode: ``poke`` waits in the worker; ``reschedule`` gives it up between two looks, and so can only have
        ``looks=1``.
    :returns: ``{"version", "running", "waiting", "cores", "oldest", "oldest_wait", "looks"}`` as XCom: jobs, cores that
        the running ones have taken, the job that has waited longest and for how many seconds, and in how many looks the
        site was found so.
    :raises AirflowSensorTimeout: the site was not so in time; says what was wrong at last.
    :raises AirflowFailException: an argument or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("fate_conn_id", "version")
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        fate_conn_id: str = "fate_default",
        version: str | None = None,
        max_waiting: int | None = None,
        max_wait: timedelta | float | None = None,
        max_cores: int | None = None,
        looks: int = 3,
        timeout: timedelta | float | None = None,
        poke_interval: timedelta | float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_whole("max_waiting", max_waiting, 0)
        _check_whole("max_cores", max_cores, 0)
        _check_whole("looks", looks, 1)
        if looks > 1 and self.reschedule:
            raise ValueError(f"looks={looks} needs a wait that lasts, and mode='reschedule' looks anew each time")
        self.fate_conn_id = fate_conn_id
        self.version = version
        self.max_waiting = max_waiting
        self.max_wait = None if max_wait is None else seconds("max_wait", max_wait)
        self.max_cores = max_cores
        self.looks = looks
        self.timeout = seconds("timeout", conf.getfloat("sensors", "default_timeout") if timeout is None else timeout)
        # Both names, Airflow's for sensors and that of all work here, say the same.
        self.poll_interval = seconds(
            "poke_interval", poke_interval if self.poll_interval is None else self.poll_interval
        )
        self.poke_interval = self.poll_interval

    def kind(self) -> FateHealth:
        """A site that is fit for work."""
        from airflow_provider_fate.remote.kinds.fate_health import FateHealth

        return FateHealth(self.fate_conn_id)

    def request(self, context: Context) -> HealthySite:
        """What the arguments say."""
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.remote.kinds.fate_health import HealthySite

        FateFlowHook(self.fate_conn_id).site()  # a wrong connection is told at once
        version = None if self.version in (None, "", "None") else str(self.version)
        return HealthySite(version, self.max_waiting, self.max_wait, self.max_cores, self.looks)

    def announce(self, ref: HealthySite, context: Context) -> None:
        """Say what is waited for."""
        self.log.info("Waiting at %s for %s", self.fate_conn_id, ref)

    def result(self, ref: HealthySite, found: Mapping[str, Any] | None, context: Context) -> Mapping[str, Any]:
        """How the site was at the last look.

        :raises FateWrongPartyError: it is not the one that the connection means.
        """
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.hooks.flow import FateFlowHook

        assert found is not None
        hook = FateFlowHook(self.fate_conn_id)
        with hook.get_conn() as flow:
            who = verify_party(hook.site(), flow)
        self.log.info("%s is fit for work: FATE-Flow %s, %s", self.fate_conn_id, found["version"], who)
        return dict(found)

    def out_of_time(self, kind: WorkKind[HealthySite, Any], ref: HealthySite, ended: Event) -> Exception:
        """As Airflow's sensors: not retried."""
        waited = timedelta(seconds=self.timeout)
        if self.execution_timeout is not None:
            waited = min(waited, self.execution_timeout)
        lacking = ended.detail or "the site could not be asked"
        return AirflowSensorTimeout(f"Waited {waited} at {self.fate_conn_id!r} for {ref}: {lacking}")


def _check_whole(name: str, given: Any, least: int) -> None:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < least):
        raise ValueError(f"{name}={given!r} is not a whole number from {least} on")
