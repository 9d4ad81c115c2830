"""What is wrong with a pod, in one sentence per container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_fate.clients.kubernetes.objects import Json, meta, name_of

__all__ = ["Trouble", "troubles"]

PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})
"""They take turns: one trouble."""
HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Will not get better without another manifest."""
BAD = (
    PULLS
    | HOPELESS
    | {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PostStartHookError",
    }
)


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong.

    :param container: empty: it is about the whole pod.
    :param words: what, for people; the same as long as it lasts.
    :param message: what Kubernetes says of it just now.
    :param queued: it waits for room on a node.
    :param hopeless: it will not get better by itself.
    :param previous: the log that tells why is that of the run before.
    """

    pod: str
    container: str
    words: str
    message: str = ""
    queued: bool = False
    hopeless: bool = False
    previous: bool = False

    @property
    def place(self) -> str:
        """Where it is."""
        return f"pod {self.pod}" + (f", container {self.container}" if self.container else "")

    def __str__(self) -> str:
        return f"{self.place}: {self.words}" + (f": {self.message}" if self.message else "")


def troubles(pod: Json) -> list[Trouble]:
    """All that is wrong with a pod; one that only takes its time has none."""
    return [*_of_pod(pod), *_of_containers(pod)]


def _of_pod(pod: Json) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    name = name_of(pod)
    for one in status.get("conditions") or ():
        if (
            one.get("type") == "PodScheduled"
            and one.get("status") == "False"
            and not meta(pod).get("deletionTimestamp")
        ):
            yield Trouble(name, "", "waits for room on a node", str(one.get("message") or ""), queued=True)
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Trouble(name, "", f"has failed ({status['reason']})", str(status.get("message") or ""))


def _of_containers(pod: Json) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(part) or ():
            if (found := _of_container(name_of(pod), container)) is not None:
                yield found


def _of_container(pod: str, container: Mapping[str, object]) -> Trouble | None:
    name, image = str(container.get("name")), container.get("image")
    state = _part(container, "state")
    waits, ended, before = (
        _part(state, "waiting"),
        _part(state, "terminated"),
        _part(container, "lastState", "terminated"),
    )
    reason = str(waits.get("reason") or "")
    if reason in BAD:
        message = str(waits.get("message") or "")
        if reason in PULLS | HOPELESS:
            return Trouble(pod, name, f"its image {image} cannot be pulled", message, hopeless=reason in HOPELESS)
        if reason == "CrashLoopBackOff":
            return Trouble(pod, name, f"ends again and again ({_end(before)})", previous=True)
        return Trouble(pod, name, f"cannot be started ({reason})", message)
    if ended and ended.get("exitCode"):
        return Trouble(pod, name, f"has ended ({_end(ended)})", str(ended.get("message") or "")[:300])
    return None


def _end(ended: Mapping[str, object]) -> str:
    words = [str(ended["reason"])] if ended.get("reason") else []
    return ", ".join([*words, f"exit code {ended.get('exitCode')}"])


def _part(found: object, *names: str) -> Mapping[str, object]:
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
