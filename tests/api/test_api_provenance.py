"""History and explanation of profiles over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.profiles.applying import Home

PROFILES = "/platform/extensions/workspaces/5328/profiles"


@pytest.fixture
def home(plane: Any) -> Home:
    home = Home(plane.stores)
    home.sync({"customer_id": "c", "email": "a", "tier": "silver", "x": "1"})
    home.sync({"customer_id": "c", "email": "a", "tier": "gold", "x": "1", "t": 60})
    return home


def test_the_history_is_paged_and_can_be_of_one_attribute(plane: Any, home: Home) -> None:
    url = f"{PROFILES}/{home.mpid(1)}/history"
    items = plane.client.get(url).json()["items"]
    assert [(item["attribute"], item["previous_value"], item["value"]) for item in items] == [
        ("tier", "silver", "gold"),
        ("tier", None, "silver"),
        ("x", None, "1"),
    ]
    assert items[0] == {
        "attribute": "tier",
        "data_model_id": None,  # the control database knows none with this key
        "value": "gold",
        "source": {
            "pipeline_run_id": 2,
            "row": 1,
            "load_timestamp": "2023-02-13T10:01:00Z",
            "applied_on": "2023-02-13T10:02:00Z",
        },
        "previous_value": "silver",
        "previous_source": {
            "pipeline_run_id": 1,
            "row": 1,
            "load_timestamp": "2023-02-13T10:00:00Z",
            "applied_on": "2023-02-13T10:01:00Z",
        },
        "is_previous_known": True,
        "changed_by_run_id": 2,
        "changed_on": "2023-02-13T10:02:00Z",
        "is_undone": False,
        "is_current": True,
    }
    assert plane.client.get(url, params={"attribute": "x"}).json()["items"] == items[2:]
    assert plane.client.get(url, params={"pageSize": 1, "currentPage": 2}).json()["items"] == items[1:2]
    assert plane.client.get(url, params={"pageSize": 1, "currentPage": 9}).json()["items"] == []


def test_an_explanation(plane: Any, home: Home) -> None:
    home.sync({"email": "a", "tier": "none"})
    told = plane.client.get(f"{PROFILES}/{home.mpid(2)}/explain").json()
    assert told["mpid"] == str(home.mpid(2))
    assert told["created_by"]["pipeline_run_id"] == 3
    [identity] = told["identities"]
    assert (identity["type"], identity["value"], identity["made_profile"]) == ("email", "a", True)
    assert identity["also_held_by"] == [str(home.mpid(1))]
    [apart] = told["kept_apart"]
    assert (apart["mpid"], apart["other_mpid"]) == (str(home.mpid(2)), str(home.mpid(1)))
    assert (apart["shared_types"], apart["guards"], apart["row"]["row"]) == (["email"], ["login"], 1)


def test_all_holders_of_an_identity_are_found(plane: Any) -> None:
    plane.profiles.found[5328, "development", "email", "a"] = (1, 2**61)
    body = {"environment_type": "development", "identity": {"type": "email", "value": "a"}}
    assert plane.client.post(f"{PROFILES}/find", json=body).json() == {"mpids": ["1", str(2**61)]}
    unknown = body | {"identity": {"type": "shoe", "value": "a"}}
    answer = plane.client.post(f"{PROFILES}/find", json=unknown)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "identity.type")


@pytest.mark.parametrize("mpid", ["0", "-1", str(2**62), str(2**80), "77"])
@pytest.mark.parametrize("verb", ["history", "explain"])
def test_a_profile_that_is_not_there(plane: Any, home: Home, mpid: str, verb: str) -> None:
    answer = plane.client.get(f"{PROFILES}/{mpid}/{verb}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")


def test_they_want_the_permission_to_read_profiles(plane: Any, home: Home) -> None:
    url = f"{PROFILES}/{home.mpid(1)}/history"
    answers = [plane.client.get(url, headers=plane.headers(permission)) for permission in ("user", "profile")]
    assert [answer.status_code for answer in answers] == [403, 200]
