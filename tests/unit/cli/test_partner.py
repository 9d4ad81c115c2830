import json

import pytest

from tests.support.fake_flow import FakeFlow
from tests.support.task import connect


@pytest.fixture
def guest(monkeypatch):
    """A site of party 9999 whose clients and partners sign; the connection's app may manage them."""
    with FakeFlow(auth=True, partner_visible=False) as fake:
        fake.gate.apps[fake.app.app_id].role = "super_client"
        connect(monkeypatch, fake, "fate_default")
        yield fake


def test_an_invitation_is_for_its_owner_alone_and_shows_nothing(guest, fate, tmp_path):
    file = tmp_path / "for-10000.json"
    ran = fate("partner", "exchange", "10000", "--give", str(file))
    assert ran.status == 0, ran.err
    assert file.stat().st_mode & 0o777 == 0o600
    invitation = json.loads(file.read_text())
    assert (invitation["from"], invitation["to"]) == ("9999", "10000")
    assert invitation["app_token"] not in ran.out + ran.err
    (app,) = [app for app in guest.gate.apps.values() if app.kind == "site"]
    assert (app.app_id, app.role) == (invitation["app_id"], "site")


def test_a_second_invitation_is_the_same_app_and_overwrites_no_file(guest, fate, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    fate("partner", "exchange", "10000", "--give", str(first))
    assert fate("partner", "exchange", "10000", "--give", str(first)).status == 1
    fate("partner", "exchange", "10000", "--give", str(second))
    assert json.loads(first.read_text()) == json.loads(second.read_text())
    assert len([app for app in guest.gate.apps.values() if app.kind == "site"]) == 1


def test_both_directions_make_trust(guest, fate, tmp_path):
    assert "cannot ask this site" in fate("partner", "verify", "10000").err
    fate("partner", "exchange", "10000", "--give", str(tmp_path / "given"))
    ran = fate("partner", "verify", "10000")
    assert ran.status == 1
    assert "this site cannot ask it" in ran.err
    assert "cannot ask this site:" not in ran.err

    theirs = tmp_path / "theirs"
    theirs.write_text(json.dumps({"from": "10000", "to": "9999", "app_id": "77", "app_token": "secret-token"}))
    taken = fate("partner", "exchange", "10000", "--take", str(theirs))
    assert taken.status == 0, taken.err
    assert "secret-token" not in taken.out + taken.err
    assert guest.gate.partners["10000"] == ("77", "secret-token")
    assert fate("partner", "verify", "10000").status == 0
    assert fate("partner", "list", "10000", "10001").rows == [["10000", "yes", "yes"], ["10001", "no", "no"]]
    assert fate("partner", "list", "10000", "-o", "json").json == [
        {"party_id": "10000", "invited": True, "accepted": True}
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("no json", "is not an invitation"),
        ('{"from": "10000"}', "is not an invitation"),
        ('{"from": "10001", "to": "9999", "app_id": "1", "app_token": "t"}', "from party 10001 to party 9999"),
        ('{"from": "10000", "to": "9998", "app_id": "1", "app_token": "t"}', "from party 10000 to party 9998"),
    ],
)
def test_what_is_no_invitation_for_this_site_is_refused(guest, fate, tmp_path, content, says):
    file = tmp_path / "file"
    file.write_text(content)
    ran = fate("partner", "exchange", "10000", "--take", str(file))
    assert ran.status == 1
    assert says in ran.err
    assert guest.gate.partners == {}


@pytest.mark.usefixtures("guest")
@pytest.mark.parametrize("options", [[], ["--give", "a", "--take", "b"]])
def test_it_is_either_giving_or_taking(fate, options):
    assert "either --give FILE or --take FILE" in fate("partner", "exchange", "10000", *options).err
