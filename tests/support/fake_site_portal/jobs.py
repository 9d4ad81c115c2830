"""Jobs: they wait for other sites, run in FATE-Flow, and have their model deployed."""

from __future__ import annotations

from typing import Any

from tests.support.fake_gin import Call, GinService, Worker, Wrong, route

PENDING, REJECTED, RUNNING, FAILED, SUCCEEDED, DEPLOYING, DELETED = 1, 2, 3, 4, 5, 6, 7
WORDS = {1: "Pending", 2: "Rejected", 3: "Running", 4: "Failed", 5: "Succeeded"}  # none for 6 and 7
INITIATOR, SITE_PENDING, APPROVED, SITE_REJECTED = 1, 2, 3, 4
TRAINING, PREDICT, PSI = 1, 2, 3


class JobRoutes(GinService):
    """Routes below ``/job``, and the jobs of a project.

    :ivar manager: the site is registered with an FML manager.
    :ivar flow_takes: its seconds that FATE needs.
    :ivar flow_ends: how jobs of FATE end.
    :ivar flow_jobs: what was submitted to FATE-Flow: id and when it ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.manager = True
        self.flow_takes = 30.0
        self.flow_ends = "success"
        self.flow_jobs: dict[str, float] = {}
        self.site = {"uuid": self.uuid(), "name": "bank", "party_id": 9999}
        self.projects: list[dict[str, Any]] = []
        self.project_data: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []

    # -- other sites, played by a test ------------------------------------------------------------------------------

    def answer_job(self, uuid: str, party_id: int, *, approve: bool = True) -> None:
        """What another site says to a job."""
        with self.lock:
            job = next(job for job in self.jobs if job["uuid"] == uuid)
            site = next(site for site in job["others"] if site["providing_site_party_id"] == party_id)
            site["site_status"] = APPROVED if approve else SITE_REJECTED
            if not approve:
                job["status"] = REJECTED
            elif all(one["site_status"] == APPROVED for one in job["others"]):
                self.begin(self._start(job))

    # -- what happens -----------------------------------------------------------------------------------------------

    def _start(self, job: dict[str, Any]) -> Worker:
        yield 0.1
        if job["status"] != PENDING:
            return
        self._submit(job)
        while job["status"] == RUNNING:
            yield 20.0
            yield from self._check(job)

    def _submit(self, job: dict[str, Any]) -> None:
        job["fate_job_id"] = f"2026113006{len(self.flow_jobs):08d}"
        job["fate_job_status"] = "started"
        self.flow_jobs[job["fate_job_id"]] = self.now() + self.flow_takes * self.pace
        job["status"] = RUNNING

    def _check(self, job: dict[str, Any]) -> Worker:
        if job["status"] != RUNNING:
            return
        if self.now() < self.flow_jobs[job["fate_job_id"]]:
            job["fate_job_status"] = "running"
            return
        job["fate_job_status"] = self.flow_ends
        if self.flow_ends != "success":
            job["status"] = FAILED
            job["words"] = f"FATE Job status is: {self.flow_ends}"
            return
        if job["type"] == TRAINING:
            job["status"] = DEPLOYING
            yield 2.0
        job["status"] = SUCCEEDED

    # -- routes -----------------------------------------------------------------------------------------------------

    @route("GET", "/project/:uuid/job")
    def list_jobs(self, call: Call) -> Any:
        return [
            self._shown(job)
            for job in self.jobs
            if job["project_uuid"] == call.path["uuid"] and job["status"] != DELETED
        ]

    @route("POST", "/project/:uuid/job")
    def submit_job(self, call: Call) -> Any:
        given = call.json
        others = [self._data(one) for one in given["other_site_data"] or ()]
        if others and not self.manager:
            raise Wrong("fml manager not connected")
        algorithm = given["training_algorithm_type"]
        if not others and given["type"] == TRAINING and algorithm == 1:
            raise Wrong("homo LR job cannot be launched with only one party")
        if not others and algorithm in (3, 4):
            raise Wrong("Hetero job cannot be launched with only one party")
        if given["type"] == TRAINING and given["dsl_json"] and "Evaluation" not in given["dsl_json"]:
            raise Wrong("training job must contain an Evaluation module")
        job = {
            "uuid": self.uuid(),
            "name": given["name"],
            "description": given["description"],
            "type": given["type"],
            "project_uuid": given["project_uuid"],
            "status": PENDING,
            "created": self.moment(),
            "fate_job_id": "",
            "fate_job_status": "",
            "initiator": self._data(given["initiator_data"]) | {"site_status": INITIATOR},
            "others": [one | {"site_status": SITE_PENDING} for one in others],
            "is_initiator": True,
            "request": given,
        }
        self.jobs.append(job)
        if not others:
            if given["type"] == PSI:  # it runs in FATE by now
                self._submit(job)
                job["status"] = DELETED
                raise Wrong("PSI job cannot be launched with only one party")
            self.begin(self._start(job))
        blank = {"name": "", "description": "", "type": 0, "project_uuid": ""}
        return self._shown(job) | blank | {"status_str": ""}

    @route("GET", "/job/:uuid")
    def get_job(self, call: Call) -> Any:
        job = self._job(call)
        shown = ("data_uuid", "label_name", "providing_site_name", "providing_site_party_id", "site_status")
        return self._shown(job) | {
            "initiator_data": {key: job["initiator"][key] for key in shown},
            "other_site_data": [{key: one[key] for key in shown} for one in job["others"]] or None,
            "status_message": self._words(job),
            "result_info": self._results(job),
            "conf_json": job["request"]["conf_json"],
            "dsl_json": job["request"]["dsl_json"],
        }

    @route("POST", "/job/:uuid/refresh")
    def refresh(self, call: Call) -> Any:
        for _ in self._check(self._job(call)):
            pass  # the answer waits for the model

    @route("POST", "/job/:uuid/approve")
    def approve(self, call: Call) -> Any:
        return self._say(call, APPROVED)

    @route("POST", "/job/:uuid/reject")
    def reject_job(self, call: Call) -> Any:
        self._say(call, SITE_REJECTED)
        self._job(call)["status"] = REJECTED

    @route("DELETE", "/job/:uuid")
    def delete_job(self, call: Call) -> Any:
        self._job(call)["status"] = DELETED  # one that runs goes on in FATE

    @route("POST", "/job/conf/create")
    def configuration(self, call: Call) -> Any:
        return {"conf_json": '{"dsl_version": 2}', "dsl_json": '{"components": {"Evaluation_0": {}}}'}

    @route("GET", "/job/:uuid/data-result/download")
    def download(self, call: Call) -> Any:
        if self._job(call)["type"] == TRAINING:
            raise Wrong("job is not a predicting job nor a PSI job")
        return 200, b"id\n1\n2\n", {"Content-Type": "text/csv"}

    def _say(self, call: Call, status: int) -> None:
        if not self.manager:
            raise Wrong("fml manager not connected")
        site = next((one for one in self._job(call)["others"] if one["providing_site_name"] == self.site["name"]), None)
        if site is None:
            raise Wrong(f"cannot find participant {self.site['uuid']}")
        site["site_status"] = status

    def _job(self, call: Call) -> dict[str, Any]:
        job = next((job for job in self.jobs if job["uuid"] == call.path["uuid"]), None)
        if job is None:
            raise Wrong("job not found")
        return job

    def _data(self, given: dict[str, Any]) -> dict[str, Any]:
        found = next((one for one in self.project_data if one["data_id"] == given["data_uuid"]), None)
        if found is None:
            raise Wrong("failed to query project data: record not found")
        return found | {"data_uuid": found["data_id"], "label_name": given["label_name"]}

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        mine = [one for one in job["others"] if one["providing_site_name"] == self.site["name"]]
        return {
            **{key: job[key] for key in ("uuid", "name", "description", "type", "project_uuid", "status")},
            "status_str": WORDS.get(job["status"], ""),
            "creation_time": job["created"],
            "pending_on_this_site": bool(mine) and mine[0]["site_status"] == SITE_PENDING,
            "initiating_site_name": job["initiator"]["providing_site_name"],
            "initiating_site_party_id": job["initiator"]["providing_site_party_id"],
            "fate_job_id": job["fate_job_id"],
            "fate_job_status": job["fate_job_status"],
            "fate_model_name": "arbiter-10000#guest-9999#model#1" if job["status"] == SUCCEEDED else "#",
            "is_initiator": job["is_initiator"],
        }

    def _words(self, job: dict[str, Any]) -> str:
        names = {
            status: ", ".join(
                f"{one['providing_site_name']}({one['providing_site_party_id']})"
                for one in job["others"]
                if one["site_status"] == status
            )
            for status in (SITE_PENDING, SITE_REJECTED)
        }
        match job["status"]:
            case 1:
                waiting = names[SITE_PENDING]
                return f"Job is pending on {waiting}" if waiting else "Job is waiting to start"
            case 2:
                return f"Job is rejected by {names[SITE_REJECTED]}"
            case 3:
                return "Job is running"
            case 4:
                return f"Job failed: {job['words']}"
            case 5:
                return "Job succeeded"
        return ""

    def _results(self, job: dict[str, Any]) -> dict[str, Any]:
        empty = {"header": None, "data": None}
        told: dict[str, Any] = {
            "training_result": None,
            "predicting_result": empty | {"count": 0},
            "intersection_result": empty | {"intersect_number": 0, "intersect_rate": 0},
        }
        if job["status"] == SUCCEEDED:
            told["training_result"] = {"auc": "0.8312", "ks": "0.51"} if job["type"] == TRAINING else None
            if job["type"] == PREDICT:
                told["predicting_result"] = {"header": ["id", "score"], "data": [["person-1", 0.5]], "count": 4711}
            if job["type"] == PSI:
                told["intersection_result"] = {
                    "header": ["id"], "data": [["person-1"]], "intersect_number": 812, "intersect_rate": 0.5,
                }  # fmt: skip
        return told
