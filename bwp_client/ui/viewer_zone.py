"""The time zone of the viewer, on pages that show single times and periods; the default is UTC, and data stay UTC.

The address names the chosen zone, so that a copied link shows the same to a colleague in another zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from bwp_client.events import EARLIEST_EVENT
from bwp_client.settings import Settings
from bwp_client.ui import page_address
from bwp_client.ui.address_fields import draw_option
from bwp_client.ui.markdown import plain

ZONE: Final = "zone"
"""The parameter of the address, and the key of the switch."""
UTC_ZONE: Final = ZoneInfo("UTC")
_NOT_PLACES: Final = {"localtime", "factory"}
"""Names that stand for the zone of the server, and for none."""
_MAX_LENGTH: Final = 60
_HELP: Final = (
    "Changes the times of this page, and where the days of its periods begin. Charts, reports and files stay UTC."
)


def chosen_zone() -> ZoneInfo:
    """Return the zone that the address names; UTC where it names none, or a name that is no time zone."""
    found = page_address.values(ZONE)
    return (zone_of(found[-1]) if found else None) or UTC_ZONE


def draw_zone_switch(settings: Settings) -> bool:
    """Draw the switch between UTC and the viewer's zone; nothing for viewers whose zone is UTC.

    Args:
        settings: Its time zone is offered where the browser names none other than UTC.

    Returns:
        False if the address names no time zone; a warning is drawn, and the page must show nothing else in its place.
    """
    named = page_address.values(ZONE)
    unknown = [text for text in named if zone_of(text) is None]
    own = next(filter(is_another_than_utc, map(zone_of, (st.context.timezone or "", settings.timezone))), None)
    chosen = chosen_zone()
    if own is not None and _offsets(own) == _offsets(chosen):
        own = None  # the chosen zone under another name: many browsers say Asia/Calcutta for Asia/Kolkata
    zones = dict.fromkeys(zone.key for zone in (UTC_ZONE, own, chosen) if zone)
    if len(zones) > 1:
        draw_option(st.radio, "Times in", list(zones), key=ZONE, horizontal=True, help=_HELP)
    for text in unknown:
        st.warning(
            f"“{plain(text[:_MAX_LENGTH])}” is not a time zone. Write a name such as Europe/Berlin. The link asks for it; "
            "nothing else is shown in its place."
        )
    if unknown:
        st.button("Show times in UTC", on_click=page_address.choose, args=({ZONE: ()},), key="show_utc")
    return not unknown


def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone of a name in any case; UTC for zones that are always UTC, None for a text that is no time zone."""
    key = _zone_names().get(name.casefold())
    if key is None:
        return None
    zone = ZoneInfo(key)
    return zone if is_another_than_utc(zone) else UTC_ZONE


def is_another_than_utc(zone: ZoneInfo | None) -> bool:
    """Return whether a zone's clocks ever differ from UTC in the years of the events; False for None."""
    return zone is not None and any(_offsets(zone))


@lru_cache(maxsize=1000)
def _offsets(zone: ZoneInfo) -> list[timedelta | None]:
    """Return how far a zone is ahead of UTC at the start of each month in the years of the events."""
    years = range(EARLIEST_EVENT.year, datetime.now(UTC).year + 2)
    return [datetime(year, month, 1, tzinfo=zone).utcoffset() for year in years for month in range(1, 13)]


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Return the names of all time zones by their lower-case form; a browser's and a link's name is looked up here only."""
    return {name.casefold(): name for name in available_timezones() if name.casefold() not in _NOT_PLACES}
