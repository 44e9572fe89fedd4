"""The login: OpenID Connect through Streamlit, and the list of people who may use the app.

Without `[auth]` in the secrets there is no login, and the app serves only this machine (see `loopback`).
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from bwp_client.errors import BwpError, SettingsError
from bwp_client.settings import AuthSettings, Settings
from bwp_client.ui.login_claims import claim_values, wanted_claim
from bwp_client.ui.login_sessions import is_current

log = logging.getLogger(__name__)
_SHARED_KEYS: Final = {"redirect_uri", "cookie_secret", "expose_tokens", "cookie_expiry"}
"""Keys of `[auth]` that are settings for all identity providers, not names of providers."""


class _KnownLogin:
    """The secrets files that existed when `[auth]` was found in one of them; empty while there is no login.

    Once `[auth]` was found, the server requires a login until it ends: a file that disappears later counts as unreadable.
    """

    def __init__(self) -> None:
        self.files: tuple[Path, ...] = ()
        self.is_reported = False


_known_login = _KnownLogin()


def is_configured() -> bool:
    """Return whether there is a login: `[auth]` is in the secrets, or was in them at any time since the server's start.

    Raises:
        SettingsError: A secrets file can't be read, or a file that held the login is gone: nobody is let in.
    """
    try:
        if _known_login.files:
            for path in _known_login.files:
                _check_readable(path)
        else:
            _find_login()
    except (OSError, ValueError, StreamlitSecretNotFoundError) as error:
        if not _known_login.is_reported:
            reason = type(error).__name__  # a traceback might quote the file
            log.error("The secrets can't be read (%s), so nobody is let in until they can be.", reason)  # noqa: TRY400
            _known_login.is_reported = True
        raise SettingsError(
            ".streamlit/secrets.toml can't be read, so nobody is let in. Mend it and start the app again."
        ) from None
    _known_login.is_reported = False
    return bool(_known_login.files)


def _find_login() -> None:
    """Search for `[auth]` in the secrets that Streamlit read, and in their files, which may have changed since then."""
    files = tuple(path for path in map(Path, st.get_option("secrets.files")) if _exists(path))
    if not files:
        return  # without a file, Streamlit would search the disk for a secrets file at every access
    if "auth" in st.secrets or any(_has_auth(path, path.stat().st_mtime_ns) for path in files if not path.is_dir()):
        _known_login.files = files


def _exists(path: Path) -> bool:
    """Return whether a path exists. A link to a missing file counts: a mounted volume has such links while it is updated."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _check_readable(path: Path) -> None:
    """Raise an error unless a file or folder can be read.

    Raises:
        OSError: The file or folder can't be read.
    """
    if path.is_dir():
        path.stat()
    else:
        path.open("rb").close()


@lru_cache(maxsize=8)
def _has_auth(path: Path, _changed_ns: int) -> bool:
    return "auth" in tomllib.loads(path.read_text(encoding="utf-8"))


def is_allowed(user: Mapping[str, Any], allowed: AuthSettings) -> bool:
    """Return whether a person who signed in may use the app; without any list nobody may use it.

    An e-mail address that the identity provider calls unverified is ignored.

    Args:
        user: The claims of the ID token.
        allowed: The allowed e-mail addresses, domains, and one claim as `name=value`.
    """
    email = _small_letters(str(user.get("email") or ""))
    is_verified = str(user.get("email_verified", True)).lower() == "true"
    person, _, domain = email.partition("@")
    if person and domain and "@" not in domain and is_verified:
        if email in map(_small_letters, allowed.allow_emails):
            return True
        if domain in {_small_letters(item).lstrip("@") for item in allowed.allow_domains}:
            return True
    name, wanted = wanted_claim(allowed)
    return bool(name) and wanted in claim_values(user.get(name))


def _small_letters(text: str) -> str:
    """Return an address in small letters; a foreign sign stays, if its small letter is a Latin one, as of the Kelvin sign."""
    return "".join(
        letter.lower() if letter.isascii() or not letter.lower().isascii() else letter for letter in text.strip()
    )


def is_admitted(claims: Mapping[str, Any], allowed: AuthSettings) -> bool:
    """Return whether the claims in a visitor's cookie are those of a current login of a person who may use the app."""
    is_signed_in = claims.get("is_logged_in") is True and is_current(claims, allowed.lifetime_hours)
    return is_signed_in and is_allowed(claims, allowed)


def admit() -> Settings | None:
    """Return the settings of this run if the visitor may see the pages; otherwise draw the next step, and return None."""
    try:
        if not is_configured():
            return Settings.load()
        settings, user = Settings.load(), st.user.to_dict()
        if is_admitted(user, settings.auth):
            return settings
        if not user.get("is_logged_in") or not is_current(user, settings.auth.lifetime_hours):
            _draw_sign_in()
            return None
    except BwpError as error:
        st.title("Nothing can be shown", anchor=False)
        st.text(str(error))
        return None
    _draw_no_access()
    return None


def draw_visitor() -> None:
    """Draw in the sidebar who is signed in, and a button that signs out; nothing without a login. Call it after `admit`."""
    if _known_login.files:
        with st.sidebar:
            st.text(f"Signed in as {_visitor_name('somebody')}")
            st.button("Sign out", on_click=st.logout, key="sign_out")


def _draw_sign_in() -> None:
    providers = _providers()
    st.title("Data deletion failures", anchor=False)
    st.text("Sign in to see how often deletions fail, why, and which are about to be late.")
    for provider in providers:
        label = "Sign in" if provider is None else f"Sign in with {provider}"
        st.button(label, type="primary", on_click=st.login, args=(provider,), key=f"sign_in_{provider}")


def _draw_no_access() -> None:
    st.title("No access", anchor=False)
    st.text(
        f"You are signed in as {_visitor_name('somebody without an e-mail address')}, and this account may not use the app.\n"
        "Ask whoever runs it to add you (BWP_AUTH__ALLOW_EMAILS, BWP_AUTH__ALLOW_DOMAINS or BWP_AUTH__ALLOW_CLAIM), or sign "
        "in with another account."
    )
    st.button("Sign out", on_click=st.logout, key="sign_out")


def _visitor_name(unknown: str) -> str:
    return str(st.user.get("email") or st.user.get("name") or unknown)


def _providers() -> list[str | None]:
    """Return the names of the identity providers; None stands for a provider without a name.

    Raises:
        SettingsError: Streamlit read the secrets before the login was added to them.
    """
    if "auth" not in st.secrets:
        raise SettingsError("[auth] was added while the app was running, so nobody is let in. Start the app again.")
    section = st.secrets["auth"]
    if "client_id" in section:
        return [None]
    return [name for name, value in section.items() if isinstance(value, Mapping) and name not in _SHARED_KEYS]
