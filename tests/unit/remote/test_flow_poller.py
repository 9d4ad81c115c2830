from types import SimpleNamespace

import pytest

from airflow_provider_fate.clients.fate_flow import FlowSettings
from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState, SiteInfo
from airflow_provider_fate.errors import FatePermissionError
from airflow_provider_fate.hooks.flow import FateFlowHook
from airflow_provider_fate.hooks.site import FateSite
from airflow_provider_fate.remote.kinds.fate_job import FateJob
from airflow_provider_fate.remote.kinds.fate_job_looks import JobLooks
from airflow_provider_fate.remote.meter import Meter
from airflow_provider_fate.remote.states import WorkState

GUEST, HOST = ("guest", "9999"), ("host", "10000")


class Site:
    """Jobs as records by party; counts what is asked."""

    def __init__(self):
        self.status = {}
        self.lists = 0
        self.asked = []
        self.whose = SiteInfo(party_id="9999")
        self.asked_whose = 0

    async def info(self):
        self.asked_whose += 1
        if isinstance(self.whose, Exception):
            raise self.whose
        return self.whose

    def put(self, job_id, **by_role):
        self.status[job_id] = {
            (role, party): by_role[role] for role, party in (HOST, GUEST) if role in by_role
        }  # the host's comes first

    async def states(self, *, statuses, newest=0):
        self.lists += 1
        found = [
            JobState(job_id, role, party, status, 50, 1_000_123)
            for job_id, records in self.status.items()
            for (role, party), status in records.items()
            if status in statuses
        ]
        return found[-newest:]

    async def query(self, *, job_id):
        self.asked.append(job_id)
        return [
            JobRecord(job_id=job_id, role=role, party_id=party, status=status, progress=50, update_time=1_000_123)
            for (role, party), status in self.status.get(job_id, {}).items()
        ]


@pytest.fixture
def site():
    site = Site()
    for number in range(10):
        site.put(str(number), guest="running", host="running")
    return site


@pytest.fixture
def poller(site):
    class Looks(JobLooks):
        async def look(self, keys):
            return await super().look(SimpleNamespace(job=site, site=site), keys)

    looks = Looks(Meter())
    looks.at(FateSite(conn_id="c", host="h", role="guest", party_id="9999"))
    return looks


KEYS = [str(number) for number in range(10)]


async def test_one_question_answers_for_all_that_are_unfinished(site, poller):
    seen = await poller.look(KEYS)
    assert {s.state for s in seen.values()} == {WorkState.RUNNING}
    assert (site.lists, site.asked) == (1, [])


async def test_what_left_the_list_is_asked_for_by_its_id(site, poller):
    await poller.look(KEYS)
    site.put("3", guest="success", host="success")
    del site.status["4"]
    seen = await poller.look(KEYS)
    assert (seen["3"].state, seen["4"].state) == (WorkState.SUCCEEDED, WorkState.MISSING)
    assert sorted(site.asked) == ["3", "4"]


async def test_a_party_that_goes_on_does_not_hide_that_our_side_has_ended(site, poller):
    await poller.look(KEYS)
    site.put("3", guest="failed", host="running")
    seen = await poller.look(KEYS)
    assert seen["3"].state is WorkState.FAILED
    assert site.asked == ["3"]


async def test_at_first_sight_too_a_party_that_goes_on_does_not_hide_that_our_side_has_ended(site, poller):
    site.put("3", guest="failed", host="running")
    seen = await poller.look(KEYS)
    assert seen["3"].state is WorkState.FAILED
    assert site.asked == ["3"]


async def test_many_that_ended_together_are_not_asked_for_one_by_one(site, poller):
    keys = [str(number) for number in range(100)]
    for key in keys:
        site.put(key, guest="waiting", host="waiting")
    await poller.look(keys)
    site.lists = 0
    for key in keys[:50]:
        site.put(key, guest="failed", host="failed")
    site.put("50", guest="success", host="running")
    del site.status["51"]
    seen = await poller.look(keys)
    assert {seen[key].state for key in keys[:50]} == {WorkState.FAILED}
    assert (seen["50"].state, seen["51"].state) == (WorkState.SUCCEEDED, WorkState.MISSING)
    assert {seen[key].state for key in keys[52:]} == {WorkState.QUEUED}
    assert (site.lists, site.asked) == (2, ["51"])


async def test_of_jobs_not_seen_before_every_record_is_read(site, poller):
    keys = [str(number) for number in range(20)]
    for key in keys:
        site.put(key, guest="success", host="failed")
    seen = await poller.look(keys)
    assert {s.state for s in seen.values()} == {WorkState.SUCCEEDED}
    assert sorted(site.asked) == sorted(keys)


async def test_both_ways_of_asking_see_the_same(site, poller):
    listed = await poller.look(KEYS)
    asked = await poller.look(KEYS[:1])
    assert asked["0"] == listed["0"]
    assert site.asked == ["0"]


async def test_an_unfinished_job_needs_no_second_telling(site, poller):
    seen = await poller.look(KEYS)
    assert FateJob("c").is_idle(seen["0"])
    site.put("0", guest="failed", host="failed")
    assert not FateJob("c").is_idle((await poller.look(KEYS))["0"])


async def test_a_connection_that_cannot_be_read_again_is_used_as_it_was(monkeypatch):
    answers = [SimpleNamespace(settings=lambda: FlowSettings(host="127.0.0.1")), RuntimeError("Airflow is away")]

    async def asite(self):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(FateFlowHook, "asite", asite)
    poller = FateJob("c")
    await poller.client()
    await poller.close()  # as after every outage
    await poller.client()
    assert answers == []
    await poller.close()


async def test_a_connection_that_was_never_read_is_an_error(monkeypatch):
    async def asite(self):
        raise RuntimeError("Airflow is away")

    monkeypatch.setattr(FateFlowHook, "asite", asite)
    with pytest.raises(RuntimeError, match="away"):
        await FateJob("c").client()


@pytest.fixture
def nameless(poller):
    """The connection does not say which party the site is."""
    poller.at(FateSite(conn_id="c", host="h"))
    return poller


@pytest.mark.parametrize("whose", [SiteInfo(party_id="9999"), SiteInfo(standalone=True)])
async def test_a_connection_without_a_party_is_asked_for_it_once(site, nameless, whose):
    site.whose = whose
    for _ in range(3):
        assert {s.state for s in (await nameless.look(KEYS)).values()} == {WorkState.RUNNING}
    assert (site.asked_whose, site.asked) == (1, [])
    assert {seen[0].role for seen in nameless._last.values()} == {"guest"}


async def test_a_standalone_site_without_a_party_does_not_let_the_other_party_speak(site, nameless):
    site.whose = SiteInfo(standalone=True)
    site.put("3", guest="success", host="running")
    assert (await nameless.look(KEYS))["3"].state is WorkState.SUCCEEDED
    assert site.asked == ["3"]


async def test_a_site_that_does_not_say_who_it_is_is_asked_for_each_job(site, nameless):
    site.whose = FatePermissionError("no")
    for _ in range(2):
        assert {s.state for s in (await nameless.look(KEYS)).values()} == {WorkState.RUNNING}
    assert (site.asked_whose, sorted(site.asked)) == (1, KEYS)
