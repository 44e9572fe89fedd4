"""Sends notices through Apprise: by e-mail, Slack, SNS, webhooks and more."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from bwp_client.errors import SettingsError


def notify(url: str, title: str, lines: list[str]) -> bool:
    """Send a notice.

    Args:
        url: An Apprise address, such as `mailto://…`, `slack://…`, `sns://…` or `json://host/path`.
        title: The subject.
        lines: The text: counts, a sentence, a link.

    Returns:
        False if the notice could not be delivered.

    Raises:
        SettingsError: Apprise does not know this kind of address. The address is not quoted: it may hold a password.
    """
    import apprise

    # The log messages of Apprise quote addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    target = apprise.Apprise()
    if not target.add(url):
        raise SettingsError(
            f"The notice's address ({urlsplit(url).scheme[:20] or 'no scheme'}://…) is none that Apprise knows. No notice "
            "was sent. See https://appriseit.com for the form of addresses."
        )
    text = "\n".join(lines)
    return bool(target.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))
