"""The claims of a person who signs in that the app needs; the login stores no others.

A person may have a thousand groups, and cookies hold what is stored: the browser sends them with every request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from bwp_client.errors import BwpError
from bwp_client.settings import AuthSettings, Settings

LONGEST_CLAIM: Final = 320
"""The longest e-mail address, and more than a name needs."""
LONGEST_ID_TOKEN: Final = 2_000
_VERIFIED: Final = "email_verified"


def needed_claims(user: Mapping[str, Any], allowed: AuthSettings) -> dict[str, Any]:
    """Return the claims by which `is_allowed` decides, and the name that the pages show.

    Of the claim in `BWP_AUTH__ALLOW_CLAIM`, only the wanted value is returned, if the person has it.

    Args:
        user: The claims of the ID token.
        allowed: The list of people who may use the app.
    """
    claims = {name: user[name] for name in ("email", "name") if _is_short_text(user.get(name))}
    if _VERIFIED in user:
        verified = user[_VERIFIED]
        claims[_VERIFIED] = verified if isinstance(verified, bool) or _is_short_text(verified) else False
    name, wanted = wanted_claim(allowed)
    if name and name not in claims and wanted in claim_values(user.get(name)):
        claims[name] = [wanted]
    return claims


def wanted_claim(allowed: AuthSettings) -> tuple[str, str]:
    """Return name and value of the claim in `BWP_AUTH__ALLOW_CLAIM`; two empty texts if there is none."""
    name, _, value = (part.strip() for part in (allowed.allow_claim or "").partition("="))
    return (name, value) if name and value else ("", "")


def claim_values(claim: Any) -> list[str]:
    """Return the values of a claim, which may be a text or a list of texts."""
    values = claim if isinstance(claim, list | tuple) else [claim]
    return [str(value) for value in values if value is not None]


def needed_token(token: Mapping[str, Any]) -> dict[str, Any]:
    """Return a token with the needed claims only, and its ID token if that is short.

    Streamlit passes the ID token on when the person signs out, so that some identity providers need not ask again.
    """
    allowed = AuthSettings()
    with suppress(BwpError):  # the page says what is wrong with the settings
        allowed = Settings.load().auth
    needed: dict[str, Any] = {"userinfo": needed_claims(token.get("userinfo") or {}, allowed)}
    if _is_short_text(token.get("id_token"), LONGEST_ID_TOKEN):
        needed["id_token"] = token["id_token"]
    return needed


def _is_short_text(value: Any, longest: int = LONGEST_CLAIM) -> bool:
    return isinstance(value, str) and len(value) <= longest
