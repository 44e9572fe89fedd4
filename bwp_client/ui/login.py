"""The login: OpenID Connect by Streamlit's own means, and the list of who may in.

Without `[auth]` in the secrets the app is open, and then it serves this machine only (see `loopback`).
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from bwp_client.errors import BwpError, SettingsError
from bwp_client.settings import AuthSettings, Settings

log = logging.getLogger(__name__)
_SHARED = {"redirect_uri", "cookie_secret", "expose_tokens", "cookie_expiry"}


class _LoginFound:
    """The secrets files that were there when `[auth]` was found in one; empty as long as there is no login.

    Once found, a login is there until the server ends: a file that goes away later is one that can't be read.
    """

    def __init__(self) -> None:
        self.files: tuple[Path, ...] = ()
        self.is_reported = False


_found = _LoginFound()


def is_configured() -> bool:
    """Tell whether there is a login: `[auth]` stands in the secrets, or stood there at any time since the start.

    Raises:
        SettingsError: There is a secrets file that can't be read, or one that held the login is gone: nobody is let in.
    """
    try:
        if _found.files:
            for path in _found.files:
                _look_into(path)
        else:
            _find_login()
    except (OSError, ValueError, StreamlitSecretNotFoundError) as error:
        if not _found.is_reported:
            reason = type(error).__name__  # a traceback might quote the file
            log.error("The secrets can't be read (%s), so nobody is let in until they can be.", reason)  # noqa: TRY400
            _found.is_reported = True
        raise SettingsError(
            ".streamlit/secrets.toml can't be read, so nobody is let in. Mend it and start the app again."
        ) from None
    _found.is_reported = False
    return bool(_found.files)


def _find_login() -> None:
    """Look for `[auth]`, in the files as well as in what Streamlit read of them at first: it may have been added since."""
    files = tuple(path for path in map(Path, st.get_option("secrets.files")) if _is_there(path))
    if not files:
        return  # Streamlit would look for them again each time, which takes longer
    if "auth" in st.secrets or any(_has_auth(path, path.stat().st_mtime_ns) for path in files if not path.is_dir()):
        _found.files = files


def _is_there(path: Path) -> bool:
    """Tell whether a path exists, even if only as a link that leads nowhere now, as while a volume is mounted anew."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _look_into(path: Path) -> None:
    """Do nothing where a file can be read.

    Raises:
        OSError: It can't be.
    """
    if path.is_dir():
        path.stat()
    else:
        path.open("rb").close()


@lru_cache(maxsize=8)
def _has_auth(path: Path, _changed_ns: int) -> bool:
    return "auth" in tomllib.loads(path.read_text(encoding="utf-8"))


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
    providers = _providers()
    st.title("Data deletion failures", anchor=False)
    st.text("Sign in to see how often deletions fail, why, and which are about to be late.")
    for provider in providers:
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
    """Return the names of the identity providers; none for the one without a name.

    Raises:
        SettingsError: Streamlit read the secrets before the login was added to them.
    """
    if "auth" not in st.secrets:
        raise SettingsError("[auth] was added while the app was running, so nobody is let in. Start the app again.")
    section = st.secrets["auth"]
    if "client_id" in section:
        return [None]
    return [name for name, value in section.items() if isinstance(value, Mapping) and name not in _SHARED]
