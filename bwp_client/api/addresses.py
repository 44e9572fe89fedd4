"""The addresses of the API: checked before any client sees them, because clients fail on bad ones in many ways."""

from __future__ import annotations

from urllib.parse import urlsplit

from bwp_client.errors import SettingsError
from bwp_client.settings import ApiSettings


def is_web_address(address: str) -> bool:
    """Return whether an address is an absolute http(s) address."""
    import httpx  # here, because it loads slowly

    try:
        parts, host = urlsplit(address), httpx.URL(address).host  # which decodes the name of the host
        return parts.scheme in ("http", "https") and bool(parts.hostname and host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):  # among others, a port out of range or half an IPv6 address
        return False


def check_addresses(settings: ApiSettings) -> None:
    """Refuse an address that is no absolute http(s) address.

    Raises:
        SettingsError: One is not; nothing was asked.
    """
    for name, address in (("ENDPOINT", settings.endpoint), ("TOKEN_ENDPOINT", settings.token_endpoint)):
        if not is_web_address(address):
            raise SettingsError(
                f"BWP_API__{name} is no http:// or https:// address. Nothing was asked. Mend it and start again."
            )
