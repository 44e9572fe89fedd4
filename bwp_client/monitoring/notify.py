"""Notices through Apprise: e-mail, Slack, SNS, webhooks and the rest. Counts, a sentence and a link, nothing else."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from bwp_client.errors import SettingsError


def notify(url: str, title: str, lines: list[str]) -> bool:
    """Send a notice; False when it could not be delivered.

    Args:
        url: An Apprise address, such as `mailto://…`, `slack://…`, `sns://…` or `json://host/path`.
        title: What it is about.
        lines: What it says.

    Raises:
        SettingsError: The address is none that Apprise knows; it is never quoted, for it may hold a password.
    """
    import apprise

    # Its own messages quote addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    target = apprise.Apprise()
    if not target.add(url):
        raise SettingsError(
            f"The notice's address ({urlsplit(url).scheme[:20] or 'no scheme'}://…) is none that Apprise knows. No notice "
            "was sent. See https://appriseit.com for how they look."
        )
    text = "\n".join(lines)
    return bool(target.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))
