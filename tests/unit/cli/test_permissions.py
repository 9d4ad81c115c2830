import pytest

from tests.support.fake_flow import FakeFlow


@pytest.fixture
def published(site: FakeFlow) -> FakeFlow:
    """A site that has granted something to one partner."""
    site.grants["9999"] = {"component": ["psi", "reader"], "dataset": [{"namespace": "credit", "name": "telco"}]}
    return site


@pytest.mark.usefixtures("published")
def test_it_shows_what_each_partner_may_use(fate):
    ran = fate("permissions", "9999", "10001")
    assert ran.status == 0
    assert "Party 10001 may use nothing of this site." in ran.out
    assert [line.split() for line in ran.out.splitlines()[2:]] == [
        ["9999", "table", "credit.telco"],
        ["9999", "component", "psi"],
        ["9999", "component", "reader"],
    ]


@pytest.mark.usefixtures("published")
def test_as_json_it_has_every_partner(fate):
    assert fate("permissions", "9999", "-o", "json").json == [
        {"partner": "9999", "components": ["psi", "reader"], "tables": ["credit.telco"]}
    ]


@pytest.mark.usefixtures("site")
def test_a_partner_has_to_be_an_id(fate):
    ran = fate("permissions", "9999; rm")
    assert ran.status == 1
    assert "partner" in ran.err
