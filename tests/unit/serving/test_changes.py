"""The next spec of a service: the same rules on every backend."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import airflow_provider_fate
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.serving import (
    ServedModel,
    Service,
    ServicePhase,
    ServingSpec,
    TrackTraffic,
    changes,
    check_service_name,
)
from airflow_provider_fate.serving.smoke import TrafficBounds, percentile, since

PAYLOAD = Path(airflow_provider_fate.__file__).parent / "serving/local/payload"


def model(version: str, *, inputs: tuple[str, ...] = ("a", "b"), width: int = 1, sha: str | None = None) -> ServedModel:
    sha256 = (sha or version).encode().hex().ljust(64, "0")
    return ServedModel(version=version, uri=f"s3://m/{version}", sha256=sha256, inputs=inputs, width=width)


def service(spec: ServingSpec) -> Service:
    return Service(name="credit", generation=3, spec=spec, phase=ServicePhase.READY)


LIVE = service(ServingSpec(stable=model("1")))
TRIED = service(ServingSpec(stable=model("1"), canary=model("2"), share=10))


def test_the_first_version_gets_all_requests() -> None:
    assert changes.deploy(None, model("1")) == ServingSpec(stable=model("1"))
    assert changes.deploy(None, model("1"), share=10) == ServingSpec(stable=model("1"))


def test_a_new_version_remembers_the_one_before() -> None:
    spec = changes.deploy(LIVE, model("2"))
    assert (spec.stable.version, spec.previous) == ("2", model("1"))
    assert changes.roll_back(service(spec)) == ServingSpec(stable=model("1"))


def test_what_is_deployed_again_changes_nothing() -> None:
    assert changes.deploy(LIVE, model("1")) == LIVE.spec
    assert changes.deploy(TRIED, model("1")) == TRIED.spec, "a canary goes on"
    assert changes.deploy(LIVE, model("1"), share=10) == LIVE.spec, "it was promoted since"
    assert changes.deploy(TRIED, model("2"), share=10) == TRIED.spec


def test_a_canary_may_get_another_share() -> None:
    assert changes.deploy(TRIED, model("2"), share=50).share == 50
    assert changes.deploy(TRIED, model("2"), share=0).share == 0


@pytest.mark.parametrize(
    ("given_model", "share", "words"),
    [
        (model("3"), 10, "Version 2 is being tried"),
        (model("3"), 101, "is not a share"),
        (model("1", sha="x"), None, "serves another model under this version"),
        (model("3", inputs=("a",)), None, "it does not take b"),
        (model("3", inputs=("a", "b", "c")), None, "it also takes c"),
        (model("3", width=3), None, "it gives 3 numbers for a row, not 1"),
    ],
)
def test_what_makes_no_sense_is_refused(given_model: ServedModel, share: int | None, words: str) -> None:
    with pytest.raises(FateInputError, match=words):
        changes.deploy(TRIED, given_model, share=share)


def test_other_inputs_have_to_be_meant() -> None:
    assert changes.deploy(LIVE, model("2", inputs=("c",)), change_inputs=True).stable.version == "2"


def test_what_was_checked_is_promoted_and_nothing_else() -> None:
    spec = changes.promote(TRIED, "2")
    assert spec == ServingSpec(stable=model("2"), previous=model("1"))
    assert changes.promote(service(spec), "2") == spec, "once more changes nothing"
    with pytest.raises(FateInputError, match="is version 2, and not 3"):
        changes.promote(TRIED, "3")
    with pytest.raises(FateInputError, match="no canary"):
        changes.promote(LIVE)


def test_a_roll_back_takes_the_canary_first() -> None:
    assert changes.roll_back(TRIED) == LIVE.spec
    assert changes.roll_back(LIVE, "2") == LIVE.spec, "it is not live any more"
    with pytest.raises(FateInputError, match="no version before 1"):
        changes.roll_back(LIVE)


def test_a_service_that_is_stopped_knows_how_to_go_on() -> None:
    stopped = changes.stop(TRIED)
    assert stopped.models == {}
    assert changes.resume(service(stopped)) == TRIED.spec
    assert not changes.deploy(service(stopped), model("1")).stopped


@pytest.mark.parametrize("name", ["", "Credit", "-a", "a-", "a_b", "a/../b", "a" * 51, "1a", None, 3])
def test_a_name_must_do_everywhere(name: object) -> None:
    with pytest.raises(FateInputError, match="is not a name of a service"):
        check_service_name(name)


# --- traffic ---


def traffic(requests: int, errors: int = 0, **latencies: int) -> TrackTraffic:
    counted = {limit.removeprefix("ms"): count for limit, count in latencies.items()}
    return TrackTraffic(requests=requests, errors=errors, latencies=counted | {"inf": requests})


def test_bounds_name_what_is_out_of_them() -> None:
    bounds = TrafficBounds(requests=10, error_share=0.05, latency_ms=50)
    assert bounds.broken_by(traffic(9, errors=9)) == "", "too few to judge"
    assert bounds.broken_by(traffic(20, errors=1, ms50=20)) == ""
    assert bounds.broken_by(traffic(20, errors=2, ms50=20)) == "2 of 20 requests failed, more than 5.00%"
    assert "took up to 100 ms" in bounds.broken_by(traffic(20, ms50=18, ms100=20))


def test_a_window_is_what_came_since() -> None:
    now = traffic(30, errors=3, ms5=10, ms10=30)
    assert since(traffic(20, errors=1, ms5=10, ms10=20), now) == traffic(10, errors=2, ms5=0, ms10=10)
    assert since(traffic(40), now) == now, "the server was started anew"
    assert since(None, now) == now
    assert percentile(now) == 10


# --- the choice of the router ---


@pytest.fixture(scope="module")
def routes() -> ModuleType:
    """The module of the router's own environment."""
    spec = importlib.util.spec_from_file_location("fate_serving_routes", PAYLOAD / "fate_serving_routes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module


@given(share=st.integers(0, 100), skipped=st.integers(0, 200))
def test_of_any_hundred_requests_in_a_row_the_canary_gets_its_share(
    routes: ModuleType, share: int, skipped: int
) -> None:
    tracks = {"stable": routes.Target("1", "k1", 100 - share), "canary": routes.Target("2", "k2", share)}
    route = routes.Route("credit", 1, tracks)
    for _ in range(skipped):
        route.pick()
    assert route.pick("2") == "canary", "who asks for a version gets it, and takes no part in the share"
    assert Counter(route.pick() for _ in range(100))["canary"] == share


def test_counts_stay_with_the_versions_that_stay(routes: ModuleType) -> None:
    first, second = routes.Target("1", "k1", 100), routes.Target("2", "k2", 10)
    route = routes.Route("credit", 1, {"stable": first})
    route.count(first, 7.0, failed=False)
    after = route.followed_by(2, {"stable": first, "canary": second})
    after.count(second, 3000.0, failed=True)
    promoted = after.followed_by(3, {"stable": second})
    promoted.count(first, 1.0, failed=False)
    counts = promoted.counts["2"].to_json()
    assert (promoted.counts.keys(), counts["requests"], counts["errors"]) == ({"2"}, 1, 1)
    assert (counts["latencies"]["2500"], counts["latencies"]["5000"]) == (0, 1)


def test_what_is_live_survives_the_router(routes: ModuleType, tmp_path: Path) -> None:
    route = routes.Route("credit", 4, {"stable": routes.Target("1", "k1", 100)})
    routes.save_route(tmp_path / "credit.json", route, "ready", "")
    assert routes.load_route(tmp_path / "credit.json", "credit").tracks == route.tracks
    (tmp_path / "torn.json").write_text('{"gener')
    assert routes.load_route(tmp_path / "torn.json", "torn") is None
