"""The login: OpenID Connect by Streamlit's own means, and the list of who may in.

Without `[auth]` in the secrets the app is open, and then it serves this machine only (see `startup.refuse_open_address`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from bwp_client.errors import BwpError, SettingsError
from bwp_client.settings import AuthSettings, Settings

_SHARED = {"redirect_uri", "cookie_secret", "expose_tokens", "cookie_expiry"}


def is_configured() -> bool:
    """Tell whether `[auth]` stands in the secrets.

    Raises:
        SettingsError: There is a secrets file that can't be read: nobody may be let in by mistake.
    """
    if not any(Path(path).exists() for path in st.get_option("secrets.files")):
        return False  # Streamlit would look for them again each time, which takes longer
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        raise SettingsError(
            ".streamlit/secrets.toml can't be read, so nobody is let in. Mend it and start the app again."
        ) from None


def is_allowed(user: Mapping[str, Any], allowed: AuthSettings) -> bool:
    """Tell whether somebody who signed in may use the app; with no list at all nobody may.

    An e-mail address that the identity provider calls unverified counts for nothing.

    Args:
        user: The claims of the ID token.
        allowed: Who may: e-mail addresses, domains, or one claim as `name=value`.
    """
    email = str(user.get("email") or "").strip().lower()
    is_verified = str(user.get("email_verified", True)).lower() == "true"
    person, _, domain = email.partition("@")
    if person and domain and "@" not in domain and is_verified:
        if email in {item.strip().lower() for item in allowed.allow_emails}:
            return True
        if domain in {item.strip().lower().lstrip("@") for item in allowed.allow_domains}:
            return True
    name, equals, wanted = (allowed.allow_claim or "").partition("=")
    if not equals or not name.strip() or not wanted.strip():
        return False
    claim = user.get(name.strip())
    values = claim if isinstance(claim, list | tuple) else [claim]
    return wanted.strip() in [str(value) for value in values if value is not None]


def admit() -> bool:
    """Tell whether this visitor may see anything; draws what to do where not."""
    try:
        if not is_configured():
            return True
        if not st.user.get("is_logged_in", False):
            _sign_in()
            return False
        if is_allowed(st.user.to_dict(), Settings.load().auth):
            return True
    except BwpError as error:
        st.title("Nothing can be shown", anchor=False)
        st.text(str(error))
        return False
    _refused()
    return False


def signed_in() -> None:
    """Show who is signed in, and the way out."""
    if is_configured():
        with st.sidebar:
            st.text(f"Signed in as {st.user.get('email') or st.user.get('name') or 'somebody'}")
            st.button("Sign out", on_click=st.logout, key="sign_out")


def _sign_in() -> None:
    st.title("Data deletion failures", anchor=False)
    st.text("Sign in to see how often deletions fail, why, and which are about to be late.")
    for provider in _providers():
        label = "Sign in" if provider is None else f"Sign in with {provider}"
        st.button(label, type="primary", on_click=st.login, args=(provider,), key=f"sign_in_{provider}")


def _refused() -> None:
    st.title("No access", anchor=False)
    st.text(
        f"You are signed in as {st.user.get('email') or st.user.get('name') or 'somebody without an e-mail address'}, and "
        "this account may not use the app.\n"
        "Ask whoever runs it to add you (BWP_AUTH__ALLOW_EMAILS, BWP_AUTH__ALLOW_DOMAINS or BWP_AUTH__ALLOW_CLAIM), or sign "
        "in with another account."
    )
    st.button("Sign out", on_click=st.logout, key="sign_out")


def _providers() -> list[str | None]:
    """Give the names of the identity providers; none for the one without a name."""
    section = st.secrets["auth"]
    if "client_id" in section:
        return [None]
    return [name for name, value in section.items() if isinstance(value, Mapping) and name not in _SHARED]
