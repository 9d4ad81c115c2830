"""The portal as a whole: the site, its data, projects and models, and what tests put into it."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow_provider_fate.clients.site_portal import PortalSettings
from tests.support.fake_gin import Call, Worker, Wrong, route
from tests.support.fake_kubefate.web import WebAnswer

from .jobs import JobRoutes

PASSWORD = "portal-s3cret"
OWNER, INVITED, JOINED, LEFT, DISMISSED = 1, 2, 3, 5, 6


class FakeSitePortal(JobRoutes):
    """The portal of the site ``bank``, party 9999."""

    users: ClassVar[tuple[str, ...]] = ("Admin", "User")
    forbidden: ClassVar[tuple[str, ...]] = ("nobody",)
    password: ClassVar[str] = PASSWORD

    def __init__(self) -> None:
        super().__init__()
        self.site |= {
            "description": "",
            "fml_manager_endpoint": "https://fml:9443",
            "fate_flow_host": "fateflow",
            "fate_flow_http_port": 9380,
            "fate_flow_connected": True,
            "kubeflow_config": {"minio_secret_key": "minio-s3cret"},
        }
        self.telco = {"uuid": self.uuid(), "party_id": 10000, "name": "telco", "description": ""}
        self.data: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = []

    @property
    def settings(self) -> PortalSettings:
        """What a client needs."""
        return PortalSettings("127.0.0.1", self.port, password=PASSWORD, timeout=10, retry_wait=0.01)

    def unknown(self) -> WebAnswer:
        """The frontend's page stands for every path that is no route."""
        return 200, b"<!doctype html><title>Site Portal</title>", {"Content-Type": "text/html"}

    def with_project(self, name: str = "credit", *, other: bool = True) -> str:
        """A project with data of this site, and of the telco; return its id."""
        self.projects.append(self._project(name, ""))
        project = str(self.projects[-1]["uuid"])
        self.give(project, "accounts", self.site)
        if other:
            self.give(project, "usage", self.telco)
        return project

    def give(self, project: str, name: str, site: dict[str, Any]) -> str:
        """Let a project use data of a site."""
        uuid = self.uuid()
        self.project_data.append(
            {
                "project_uuid": project,
                "name": name,
                "description": "",
                "data_id": uuid,
                "providing_site_uuid": site["uuid"],
                "providing_site_name": site["name"],
                "providing_site_party_id": site["party_id"],
                "is_local": site is self.site,
            }
        )
        return uuid

    # -- the site ---------------------------------------------------------------------------------------------------

    @route("GET", "/status", open_to_all=True)
    def status(self, call: Call) -> Any:
        return 200, {"msg": "The service is running", "api_version": "v1", "source_commit": "a23f117"}, {}

    @route("GET", "/site")
    def get_site(self, call: Call) -> Any:
        return self.site | {"fml_manager_connected": self.manager}

    @route("PUT", "/site")
    def put_site(self, call: Call) -> Any:
        given = call.json
        if any(given[key] != self.site.get(key) for key in ("name", "party_id", "fml_manager_endpoint")):
            self.manager = False
        self.site |= given

    @route("POST", "/site/fateflow/connect")
    def connect_flow(self, call: Call) -> Any:
        if call.json["port"] != 9380:
            raise Wrong("Get http://fateflow:1/v1/version/get: dial tcp: connection refused")

    @route("POST", "/site/fmlmanager/connect")
    def register(self, call: Call) -> Any:
        self.manager = True

    @route("POST", "/site/fmlmanager/unregister")
    def unregister(self, call: Call) -> Any:
        self.manager = False

    # -- data -------------------------------------------------------------------------------------------------------

    @route("POST", "/data")
    def upload(self, call: Call) -> Any:
        head = call.body
        if b'name="file"' not in head:
            raise Wrong("http: no such file")
        name = head.split(b'name="name"\r\n\r\n')[1].split(b"\r\n")[0].decode()
        row = {"data_id": self.uuid(), "name": name, "sample_size": 0, "feature_size": 0, "upload_job_status": 2}
        self.data.append(row)
        self.begin(self._uploaded(row))
        return row["data_id"]

    def _uploaded(self, row: dict[str, Any]) -> Worker:
        yield 5.0
        row |= {"upload_job_status": 4, "sample_size": 2, "feature_size": 1}

    @route("POST", "/data/associate")
    def associate(self, call: Call) -> Any:
        row = {"data_id": self.uuid(), "name": call.json["name"], "upload_job_status": 4}
        self.data.append(row | {"sample_size": 10, "feature_size": 3})
        return row["data_id"]

    @route("GET", "/data")
    def list_data(self, call: Call) -> Any:
        return self.data

    @route("GET", "/data/:uuid")
    def get_data(self, call: Call) -> Any:
        return self._one(self.data, "data_id", call) | {"table_name": "t", "features_array": ["x0"]}

    @route("GET", "/data/:uuid/columns")
    def columns(self, call: Call) -> Any:
        self._one(self.data, "data_id", call)
        return ["x0"]

    @route("DELETE", "/data/:uuid")
    def delete_data(self, call: Call) -> Any:
        row = self._one(self.data, "data_id", call)
        if any(one["data_id"] == row["data_id"] for one in self.project_data):
            raise Wrong("data is used by project(s): [credit]; dimiss the association before deleting the data")
        self.data.remove(row)

    # -- projects ---------------------------------------------------------------------------------------------------

    @route("POST", "/project")
    def create_project(self, call: Call) -> Any:
        given = call.json
        if any(one["name"] == given["name"] for one in self.projects):
            raise Wrong("project already exists")
        self.projects.append(self._project(given["name"], given["description"]))
        return None

    def _project(self, name: str, description: str) -> dict[str, Any]:
        return {
            "uuid": self.uuid(),
            "name": name,
            "description": description,
            "managing_site_name": self.site["name"],
            "managing_site_party_id": self.site["party_id"],
            "managed_by_this_site": True,
            "auto_approval_enabled": False,
            "state": JOINED,
            "sites": {},
        }

    @route("GET", "/project")
    def list_projects(self, call: Call) -> Any:
        of = {state: [one for one in self.projects if one["state"] == state] for state in (JOINED, INVITED, LEFT)}
        return {
            "joined_projects": of[JOINED] or None,
            "invited_projects": of[INVITED] or None,
            "closed_projects": of[LEFT] or None,
        }

    @route("GET", "/project/:uuid")
    def get_project(self, call: Call) -> Any:
        return self._one(self.projects, "uuid", call)

    @route("GET", "/project/:uuid/participant")
    def participants(self, call: Call) -> Any:
        project = self._one(self.projects, "uuid", call)
        if call.query.get("all") == "true" and not self.manager:
            raise Wrong("not connected to FML manager")
        here = {key: self.site[key] for key in ("uuid", "name", "party_id", "description")}
        sites = [here | {"status": OWNER, "is_current_site": True}]
        state = project["sites"].get(self.telco["uuid"])
        if state is not None or call.query.get("all") == "true":
            sites.append(self.telco | {"status": state or 0, "is_current_site": False})
        return sites

    @route("POST", "/project/:uuid/invitation")
    def invite(self, call: Call) -> Any:
        if not self.manager:
            raise Wrong("FML manager not connected")
        self._one(self.projects, "uuid", call)["sites"][call.json["uuid"]] = INVITED

    @route("DELETE", "/project/:uuid/participant/:site")
    def dismiss(self, call: Call) -> Any:
        self._one(self.projects, "uuid", call)["sites"][call.path["site"]] = DISMISSED

    @route("POST", "/project/:uuid/join")
    def join(self, call: Call) -> Any:
        self._one(self.projects, "uuid", call)["state"] = JOINED

    @route("POST", "/project/:uuid/close")
    def close(self, call: Call) -> Any:
        project = self._one(self.projects, "uuid", call)
        if any(job["project_uuid"] == project["uuid"] and job["status"] in (1, 3) for job in self.jobs):
            raise Wrong("at least one job is not in finished status - job: train(Running)")
        project["state"] = LEFT

    @route("PUT", "/project/:uuid/autoapprovalstatus")
    def auto_approval(self, call: Call) -> Any:
        self._one(self.projects, "uuid", call)["auto_approval_enabled"] = call.json["enabled"]

    @route("GET", "/project/:uuid/data")
    def project_datas(self, call: Call) -> Any:
        rows = [one for one in self.project_data if one["project_uuid"] == call.path["uuid"]]
        wanted = call.query.get("participant")
        return [one for one in rows if wanted in (None, one["providing_site_uuid"])]

    @route("POST", "/project/:uuid/data")
    def add_data(self, call: Call) -> Any:
        self.give(call.path["uuid"], call.json["name"], self.site)
        self.project_data[-1]["data_id"] = call.json["data_id"]

    @route("DELETE", "/project/:uuid/data/:data")
    def remove_data(self, call: Call) -> Any:
        self.project_data[:] = [one for one in self.project_data if one["data_id"] != call.path["data"]]

    # -- models -----------------------------------------------------------------------------------------------------

    @route("GET", "/model")
    def list_models(self, call: Call) -> Any:
        return self.models

    @route("GET", "/project/:uuid/model")
    def project_models(self, call: Call) -> Any:
        return [one for one in self.models if one["project_uuid"] == call.path["uuid"]]

    @route("GET", "/model/:uuid")
    def get_model(self, call: Call) -> Any:
        return self._one(self.models, "uuid", call) | {"evaluation": {"auc": "0.83"}}

    @route("POST", "/model/:uuid/publish")
    def publish(self, call: Call) -> Any:
        if self._one(self.models, "uuid", call)["component_name"].startswith("Hetero"):
            raise Wrong("cannot deploy model to the specified deployment type: 1")
        return {"uuid": self.uuid(), "service_name": call.json["service_name"], "status": 1}

    def _one(self, rows: list[dict[str, Any]], key: str, call: Call) -> dict[str, Any]:
        found = next((row for row in rows if row[key] == call.path["uuid"]), None)
        if found is None:
            raise Wrong("record not found")
        return found
