"""Charts of a KubeFATE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_fate.errors import FateConfigError, FateInputError

if TYPE_CHECKING:
    from airflow.sdk import Context


class FateChartUploadOperator(BaseOperator):
    """Give a packed chart to a KubeFATE, if it does not have that version.

    Deployments upload ``chart=`` themselves; this one is for all clusters of a KubeFATE at once, for the chart
    ``fate-upgrade-manager`` that upgrades need, and for a KubeFATE that reaches no public repository. Its result lists
    what KubeFATE has.

    :param chart: path on the worker of the ``.tgz`` that ``helm package`` makes. (templated)
    :param replace: also where KubeFATE has a chart of this name and version; clusters that stand are not changed.
    :param kubefate_conn_id: Airflow connection of the type ``kubefate``. (templated)
    :returns: ``{"name", "version", "uploaded", "charts"}`` as XCom; ``charts`` lists ``name version`` of all.
    :raises AirflowFailException: it is no packed chart, or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("chart", "kubefate_conn_id")
    ui_color = "#e3eefc"

    def __init__(
        self, *, chart: str, replace: bool = False, kubefate_conn_id: str = "kubefate_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.chart = chart
        self.replace = replace
        self.kubefate_conn_id = kubefate_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, and upload."""
        from airflow_provider_fate.clusters.chart_file import PackedChart
        from airflow_provider_fate.hooks.hook import read_connection
        from airflow_provider_fate.hooks.kubefate import KubefateService

        try:
            chart = PackedChart.read(Path(self.chart))
            with read_connection(KubefateService, self.kubefate_conn_id).client() as kubefate:
                known = {(one.name, one.version) for one in kubefate.charts.list()}
                uploaded = self.replace or (chart.name, chart.version) not in known
                if uploaded:
                    self.log.info("Uploading %s as chart %s %s", chart.file, chart.name, chart.version)
                    kubefate.charts.upload(chart.file)
                else:
                    self.log.info("KubeFATE has chart %s %s", chart.name, chart.version)
        except (FateInputError, FateConfigError) as e:
            raise AirflowFailException(str(e)) from None
        charts = sorted(f"{name} {version}" for name, version in known | {(chart.name, chart.version)})
        return {"name": chart.name, "version": chart.version, "uploaded": uploaded, "charts": charts}
