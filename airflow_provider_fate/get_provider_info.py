"""What Airflow reads about this provider at every start. It must import neither Airflow nor a client."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.hooks.airflow_api import AirflowServer
from airflow_provider_fate.hooks.fate import FateSite
from airflow_provider_fate.hooks.fedlcm import FedlcmService
from airflow_provider_fate.hooks.form import provider_info
from airflow_provider_fate.hooks.kubefate import KubefateService
from airflow_provider_fate.hooks.kubeflow import KubeflowServer
from airflow_provider_fate.hooks.mlflow import MlflowServer
from airflow_provider_fate.hooks.site_portal import SitePortal
from airflow_provider_fate.hooks.split import SplitService

_P = "airflow_provider_fate"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow's ``ProvidersManager``."""
    return {
        "package-name": "airflow-provider-fate",
        "name": "FATE",
        "description": "Federated learning with FATE: upload data, run federated jobs and wait for them from DAGs.",
        "integrations": [
            {
                "integration-name": "FATE",
                "external-doc-url": "https://fate.readthedocs.io/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": "FATE",
                "python-modules": [
                    f"{_P}.hooks.airflow_api",
                    f"{_P}.hooks.fedlcm",
                    f"{_P}.hooks.flow",
                    f"{_P}.hooks.kubefate",
                    f"{_P}.hooks.kubeflow",
                    f"{_P}.hooks.mlflow",
                    f"{_P}.hooks.site_portal",
                    f"{_P}.hooks.split",
                ],
            }
        ],
        "operators": [
            {
                "integration-name": "FATE",
                "python-modules": [
                    f"{_P}.operators.adapter",
                    f"{_P}.operators.approval",
                    f"{_P}.operators.audit",
                    f"{_P}.operators.chart",
                    f"{_P}.operators.chat",
                    f"{_P}.operators.cluster",
                    f"{_P}.operators.connection",
                    f"{_P}.operators.connectivity",
                    f"{_P}.operators.download",
                    f"{_P}.operators.drain",
                    f"{_P}.operators.drift",
                    f"{_P}.operators.fate_operator",
                    f"{_P}.operators.fedlcm",
                    f"{_P}.operators.fedlcm_deploy",
                    f"{_P}.operators.gate",
                    f"{_P}.operators.guard",
                    f"{_P}.operators.job",
                    f"{_P}.operators.metrics",
                    f"{_P}.operators.model_convert",
                    f"{_P}.operators.model_weights",
                    f"{_P}.operators.model_export",
                    f"{_P}.operators.model_import",
                    f"{_P}.operators.model_register",
                    f"{_P}.operators.openfl",
                    f"{_P}.operators.notebook",
                    f"{_P}.operators.permission",
                    f"{_P}.operators.pipeline",
                    f"{_P}.operators.predict",
                    f"{_P}.operators.portal",
                    f"{_P}.operators.preflight",
                    f"{_P}.operators.provider",
                    f"{_P}.operators.psi",
                    f"{_P}.operators.retention",
                    f"{_P}.operators.service_check",
                    f"{_P}.operators.serving",
                    f"{_P}.operators.split_check",
                    f"{_P}.operators.split_features",
                    f"{_P}.operators.split_part",
                    f"{_P}.operators.split_serve",
                    f"{_P}.operators.sweep_report",
                    f"{_P}.operators.table",
                    f"{_P}.operators.text_evaluate",
                    f"{_P}.operators.texts",
                    f"{_P}.operators.transform",
                    f"{_P}.operators.upload",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "FATE",
                "python-modules": [
                    f"{_P}.sensors.cluster",
                    f"{_P}.sensors.health",
                    f"{_P}.sensors.incoming",
                    f"{_P}.sensors.job",
                    f"{_P}.sensors.notebook",
                    f"{_P}.sensors.partner",
                    f"{_P}.sensors.table",
                ],
            }
        ],
        "triggers": [
            {"integration-name": "FATE", "python-modules": [f"{_P}.triggers.incoming", f"{_P}.triggers.work"]}
        ],
        "connection-types": [
            provider_info(FateSite),
            provider_info(KubefateService),
            provider_info(FedlcmService),
            provider_info(SitePortal),
            provider_info(MlflowServer),
            provider_info(KubeflowServer),
            provider_info(AirflowServer),
            provider_info(SplitService),
        ],
        "asset-uris": [
            {
                "schemes": ["fate"],
                "handler": f"{_P}.assets.sanitize_uri",
                "to_openlineage_converter": f"{_P}.assets.convert_asset_to_openlineage",
            }
        ],
        "extra-links": [
            f"{_P}.links.cluster.ClusterBoardLink",
            f"{_P}.links.cluster.ClusterNotebookLink",
            f"{_P}.links.job.FateBoardLink",
            f"{_P}.links.registry.ModelRegistryLink",
            f"{_P}.links.service.FateEndpointLink",
            f"{_P}.links.notebook.NotebookLink",
        ],
        "task-decorators": [
            {"name": "fate_gate", "class-name": f"{_P}.decorators.gate.fate_gate_task"},
            {"name": "fate_pipeline", "class-name": f"{_P}.decorators.pipeline.fate_pipeline_task"},
        ],
        "cli": [f"{_P}.cli.definition.get_fate_cli_commands"],
        "plugins": [{"name": "fate", "plugin-class": f"{_P}.ui.plugin.FatePlugin"}],
        "config": {
            "fate": {
                "description": "Options of the FATE provider.",
                "options": {
                    "deployment_id": {
                        "description": (
                            "Name of this Airflow. It is part of the key by which a task finds the job it has "
                            "submitted: set it where two Airflows with equal DAGs share a FATE site."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "production",
                        "default": "",
                    },
                    "poll_interval": {
                        "description": (
                            "Shortest time in seconds between two questions to one FATE site. FATE-Flow schedules "
                            "every 2 s, so less is of no use."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "5",
                        "default": "2.0",
                    },
                },
            }
        },
    }
