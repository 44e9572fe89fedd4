"""The claims that a login stores: enough to decide as the whole token would, and little whatever the provider sends."""

import json
from typing import Any

import pytest

from bwp_client.settings import AuthSettings
from bwp_client.ui import login_claims
from bwp_client.ui.login import is_allowed
from bwp_client.ui.login_claims import needed_claims, needed_token

GROUPS = [f"{number:08x}-0000-4000-8000-{number * 7919:012x}" for number in range(1000)]
CLAIM = AuthSettings(allow_claim="groups=privacy")
USERS: list[dict[str, Any]] = [
    {},
    {"email": "analyst@shop.invalid"},
    {"email": "analyst@shop.invalid", "email_verified": False},
    {"email": "analyst@shop.invalid", "email_verified": "false"},
    {"email": "analyst@shop.invalid", "email_verified": None},
    {"email": "analyst@shop.invalid", "email_verified": ["true"] * 1000},
    {"email": "analyst@shop.invalid", "email_verified": "True"},
    {"email": ["analyst@shop.invalid"]},
    {"email": f"{'x' * 5000}@shop.invalid"},
    {"groups": "privacy"},
    {"groups": [*GROUPS, "privacy"]},
    {"groups": GROUPS},
    {"groups": ["Privacy"]},
    {"groups": {"privacy": True}},
    {"groups": [["privacy"]]},
    {"groups": None},
    {"groups": 12},
    {"role": "privacy"},
    {"name": ["privacy", "x"], "email": "analyst@shop.invalid"},
]
LISTS = (
    AuthSettings(),
    AuthSettings(allow_emails=["analyst@shop.invalid"]),
    AuthSettings(allow_domains=["shop.invalid"]),
    CLAIM,
    AuthSettings(allow_claim="groups=12"),
    AuthSettings(allow_claim="name=privacy"),
    AuthSettings(allow_claim="email=analyst@shop.invalid"),
    AuthSettings(allow_claim="email_verified=false"),
    AuthSettings(allow_claim="groups"),
)


@pytest.mark.parametrize("allowed", LISTS)
@pytest.mark.parametrize("user", USERS)
def test_the_needed_claims_decide_as_all_claims_do(user: dict[str, Any], allowed: AuthSettings) -> None:
    noise = {"picture": "data:image/png;base64," + "A" * 9000, "roles": GROUPS, "sub": "user-1"}
    needed = needed_claims(user | noise, allowed)
    is_too_long = len(str(user.get("email", ""))) > login_claims.LONGEST_CLAIM
    assert is_allowed(needed, allowed) is (is_allowed(user, allowed) and not is_too_long)
    assert len(json.dumps(needed)) < 1000
    assert not set(noise) & set(needed)


def test_of_a_thousand_groups_the_wanted_one_is_stored() -> None:
    assert needed_claims({"name": "A", "groups": [*GROUPS, "privacy"]}, CLAIM) == {"name": "A", "groups": ["privacy"]}
    assert needed_claims({"name": "A", "groups": GROUPS}, CLAIM) == {"name": "A"}


def test_a_long_id_token_and_every_access_token_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BWP_AUTH__ALLOW_CLAIM", "groups=privacy")
    user = {"email": "a@b.invalid", "groups": ["privacy", *GROUPS]}
    short = needed_token({"userinfo": user, "id_token": "short", "access_token": "x", "refresh_token": "y"})
    assert short == {"userinfo": {"email": "a@b.invalid", "groups": ["privacy"]}, "id_token": "short"}
    assert set(needed_token({"userinfo": user, "id_token": "x" * 2001})) == {"userinfo"}
    assert needed_token({}) == {"userinfo": {}}


def test_settings_that_cannot_be_read_let_the_login_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BWP_MIN_N", "no number")
    assert needed_token({"userinfo": {"email": "a@b.invalid", "groups": GROUPS}}) == {
        "userinfo": {"email": "a@b.invalid"}
    }
