"""The server that is asked: jobs that end by the clock, answered from prepared bytes so that it never is slow.

A process of its own, so that its CPU time is not taken for the triggerer's. It plays FATE-Flow's questions about jobs,
and Databricks' question about one run; both see the same jobs.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parents[2] / "recordings/traffic/job_list_query__paged.json"
RECORD_SIZE = 7000
"""Bytes per record; those of a real FATE-Flow weigh 6 to 10 kB."""
NEVER = 1e12


def record_template() -> dict[str, object]:
    """A recorded record, with more tasks in its DAG until it weighs what that of a real training does."""
    record: dict[str, object] = json.loads(RECORDED.read_text())["body"]["data"]["data"][0]
    dag = json.loads(json.dumps(record["dag"]))
    tasks = dag["dag"]["tasks"]
    number = 1
    while len(json.dumps({**record, "dag": dag})) < RECORD_SIZE:
        tasks[f"psi_{number}"] = {**tasks["psi_0"], "parameters": {"learning_rate": 0.1 * number}}
        number += 1
    return {**record, "dag": dag, "party_id": "9999", "role": "guest", "partners": ["10000"]}


_template = functools.cache(record_template)


class Jobs:
    """Jobs with a moment at which each ends."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}
        self._records: dict[str, bytes] = {}
        self._order: list[str] = []
        self._ended = 0
        self._page = b"[]"

    def plan(self, job_ids: Iterable[str]) -> None:
        """Take these jobs instead of all others; they wait in the queue and do not end."""
        template = _template()
        self.ends = dict.fromkeys(job_ids, NEVER)
        self._records = {
            job_id: json.dumps({**template, "job_id": job_id, "status": "waiting", "progress": 0}).encode()
            for job_id in self.ends
        }
        self.let_end({})

    def let_end(self, ends: Mapping[str, float]) -> None:
        """Say when some of the jobs end."""
        self.ends |= ends
        self._order = sorted(self._records, key=self.ends.__getitem__)
        self._ended = 0
        self._page = self._joined()

    def _joined(self) -> bytes:
        return b"[" + b", ".join(self._records[job_id] for job_id in self._order[self._ended :]) + b"]"

    def unfinished(self) -> bytes:
        """Return the records of all jobs that have not ended, as a JSON list."""
        now, before = time.time(), self._ended
        while self._ended < len(self._order) and self.ends[self._order[self._ended]] <= now:
            self._ended += 1
        if self._ended != before:
            self._page = self._joined()
        return self._page

    def ended(self, limit: int) -> bytes:
        """Return the records of so many jobs that ended last, as a JSON list."""
        self.unfinished()
        last = self._order[max(0, self._ended - limit) : self._ended]
        return b"[" + b", ".join(self.record(job_id)[1:-1] for job_id in reversed(last)) + b"]"

    def is_over(self, job_id: str) -> bool:
        """Say whether the job has ended."""
        return self.ends.get(job_id, NEVER) <= time.time()

    def record(self, job_id: str) -> bytes:
        """Return the records of one job, as a JSON list."""
        record = self._records[job_id]
        if self.is_over(job_id):
            record = record.replace(b'"status": "waiting"', b'"status": "success"', 1)
        return b"[" + record + b"]"


class Site:
    """Answers, and counts what was asked."""

    def __init__(self, sites: int) -> None:
        self.sites = [Jobs() for _ in range(sites)]
        self.asked: Counter[str] = Counter()
        self.looks: list[float] = []

    def _dealt_out(self, body: bytes) -> list[dict[str, float]]:
        """The jobs that are spoken of, by site: as their ids say."""
        dealt: list[dict[str, float]] = [{} for _ in self.sites]
        for job_id, value in json.loads(body).items():
            dealt[int(job_id) % len(dealt)][job_id] = value
        return dealt

    def answer(self, path: str, query: dict[str, list[str]], body: bytes, address: str) -> bytes:
        """Return the JSON for one request that has come to this address."""
        if path == "/bench/plan":
            for site, some in zip(self.sites, self._dealt_out(body), strict=True):
                site.plan(some)
            return b"{}"
        if path == "/bench/ends":
            for site, ends in zip(self.sites, self._dealt_out(body), strict=True):
                site.let_end(ends)
            return b"{}"
        if path == "/bench/asked":
            return json.dumps(self.asked).encode()
        if path == "/bench/looks":
            return json.dumps(self.looks).encode()
        self.asked[path] += 1
        jobs = self.sites[number_of(address)]
        job_id = query.get("job_id", [""])[0]
        if path == "/v2/job/list/query":
            limit = int(query["limit"][0])
            if "success" in query["status"]:
                page = jobs.ended(limit)
            else:
                page = jobs.unfinished()
                self.looks.append(time.time())
            return b'{"code": 0, "message": "success", "data": {"count": 0, "data": ' + page + b"}}"
        if path == "/v2/job/query" and job_id in jobs.ends:
            return b'{"code": 0, "message": "success", "data": ' + jobs.record(job_id) + b"}"
        if path == "/v2/job/task/query":
            return b'{"code": 2000, "message": "no task", "data": []}'
        if path == "/api/2.2/jobs/runs/get":
            run_id = str(json.loads(body)["run_id"])
            return _run(run_id, over=jobs.is_over(run_id))
        return b'{"code": 1001, "message": "no found job"}'


def number_of(address: str) -> int:
    """The site that answers at an address, as `tests.bench.wait.modes.address` gives them."""
    block, number = (int(part) for part in address.split(".")[2:])
    return block * 250 + number - 1


def _run(run_id: str, *, over: bool) -> bytes:
    state = {"life_cycle_state": "TERMINATED" if over else "RUNNING", "state_message": ""}
    if over:
        state["result_state"] = "SUCCESS"
    return json.dumps({"run_id": int(run_id), "state": state, "tasks": [], "run_page_url": ""}).encode()


async def serve(port: int, sites: int) -> None:
    """Answer for so many sites until somebody ends the process."""
    site = Site(sites)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, _, fields = head.partition(b"\r\n")
                length = next(
                    (int(f[15:]) for f in fields.lower().split(b"\r\n") if f.startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length) if length else b""
                url = urlsplit(line.split()[1].decode())
                address = writer.get_extra_info("sockname")[0]
                answer = site.answer(url.path, parse_qs(url.query), body, address)
                # FATE-Flow closes each connection; Databricks keeps it.
                closes = url.path.startswith("/v2/")
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n"
                    % (len(answer), b"close" if closes else b"keep-alive")
                )
                writer.write(answer)
                await writer.drain()
                if closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    hosts = ["127.0.0.1", *(f"127.1.{number // 250}.{number % 250 + 1}" for number in range(sites if sites > 1 else 0))]
    server = await asyncio.start_server(talk, hosts, port, backlog=8192 if sites == 1 else 64)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
