"""A second kind of remote work, and an operator: named objects of a server that has nothing to do with FATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from airflow_provider_fate.compat import aget_connection
from airflow_provider_fate.errors import FateAmbiguousSubmitError, FateError, FateServerError, FateUnreachable
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Ownership, Piece, WorkKind, WorkRef

STATES = {
    "pending": WorkState.QUEUED,
    "running": WorkState.RUNNING,
    "ready": WorkState.SUCCEEDED,
    "failed": WorkState.FAILED,
}


@dataclass(frozen=True)
class ObjectRef(WorkRef):
    name: str

    @property
    def id(self) -> str:
        return f"object {self.name}"


@dataclass(frozen=True)
class Wanted:
    name: str
    ownership: Ownership = Ownership.CREATED


class ObjectKind(WorkKind[ObjectRef, Wanted]):
    ref_type = ObjectRef

    async def _ask(self, method: str, name: str = "", body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = await aget_connection(self.conn_id)
        url = f"http://{connection.host}:{connection.port}/objects/{name}"
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.request(method, url, json=body)
        except httpx.ConnectError as e:
            raise FateUnreachable(f"The server is not reached: {e}", sent=False) from None
        except httpx.HTTPError as e:
            kind: type[FateError] = FateAmbiguousSubmitError if method == "PUT" else FateUnreachable
            raise kind(f"The answer was lost: {e!r}") from None
        if answer.status_code != 200:
            raise FateUnreachable(f"The server answers {answer.status_code}", sent=False)
        found: dict[str, Any] = answer.json()
        return found

    async def find(self, attempt: Attempt, request: Wanted) -> Sequence[Piece[ObjectRef]]:
        objects = await self._ask("GET")
        if request.ownership is Ownership.OBSERVED:
            return [Piece(ObjectRef(request.name, ownership=request.ownership), self._seen(objects, request.name))]
        return [
            Piece(
                ObjectRef(name, ownership=request.ownership),
                self._seen(objects, name),
                current=found.get("epoch") == attempt.identity.epoch,
            )
            for name, found in objects.items()
            if found.get("key") == attempt.identity.key
        ]

    async def submit(self, attempt: Attempt, request: Wanted, found: Sequence[Piece[ObjectRef]]) -> ObjectRef:
        name = f"{request.name}-{attempt.identity.epoch}-{len(found)}"
        labels = {"key": attempt.identity.key, "epoch": attempt.identity.epoch}
        await self._ask("PUT", name, labels)
        return ObjectRef(name, ownership=request.ownership)

    async def look(self, refs: Sequence[ObjectRef]) -> Mapping[str, Snapshot]:
        objects = await self._ask("GET")
        return {ref.id: self._seen(objects, ref.name) for ref in refs}

    async def diagnose(self, ref: ObjectRef, ending: Ending) -> Explanation:
        said = (await self._ask("GET")).get(ref.name, {}).get("message", "it is gone")
        return Explanation(FateServerError(f"{ref.id} is {ending.state.value}: {said}"), reason=str(said))

    async def stop(self, ref: ObjectRef) -> None:
        await self._ask("DELETE", ref.name)

    @staticmethod
    def _seen(objects: Mapping[str, Mapping[str, Any]], name: str) -> Snapshot:
        found = objects.get(name)
        if found is None:
            return Snapshot(WorkState.MISSING, detail="gone")
        state = STATES[found["state"]]
        return Snapshot(state, detail=found["state"], found={"name": name} if state is WorkState.SUCCEEDED else None)


class ObjectOperator(RemoteWorkOperator[ObjectRef]):
    def __init__(self, *, name: str, conn_id: str, ownership: str = "created", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.object_name = name
        self.conn_id = conn_id
        self.ownership = ownership

    def kind(self) -> ObjectKind:
        return ObjectKind(self.conn_id)

    def request(self, context: Any) -> Wanted:
        return Wanted(self.object_name, Ownership(self.ownership))
