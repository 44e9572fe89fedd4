"""Starts MiniStack with what makes its EventBridge archives behave as AWS describes them.

Runs in the emulator's own environment, imports nothing of the product, and replaces private names of one pinned version;
`test_emulator.py` fails when one of them no longer takes effect. How an archive behaves is read from the file
`$EMULATOR_KNOBS` at every StartReplay: a JSON object, archive name to knobs (see `KNOBS`).
"""

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import delivery
from ministack import app
from ministack.core.responses import error_response_json, json_response
from ministack.services import eventbridge as bridge

KNOBS: dict[str, Any] = {
    "starting_seconds": 0.0,  # how long a replay stays in STARTING
    "archive_delay_seconds": 0.0,  # how long after it was put an event is archived
    "events_per_second": 0.0,  # how fast a replay sends; 0 for as fast as it can
    "duplicates": 0.0,  # share of events that a target gets twice
    "shuffled": False,  # minutes in any order, and events within them
    "new_ids": False,  # a replayed event has another id
    "late": 0.0,  # share of events whose delivery is tried again after the replay has ended
    "late_seconds": 0.0,  # how long after
    "fail_after": None,  # FAILED once so many events were sent
    **delivery.KNOBS,
}
MOST_ACTIVE = 10
ACTIVE = ("STARTING", "RUNNING", "CANCELLING")
PARTNER_ENTRIES = 20

event_times: list[float] = []
_put_events, _archive_event, _dispatch_event, _now_ts = (
    bridge._put_events,
    bridge._archive_event,
    bridge._dispatch_event,
    bridge._now_ts,
)


def now_ts() -> float:
    """Give the time of the entry that is being put, else the clock's."""
    return event_times[-1] if event_times else _now_ts()


def put_partner_events(data: dict[str, Any]) -> Any:
    """Deliver each entry on the bus named like its source."""
    entries = data.get("Entries", [])
    if len(entries) > PARTNER_ENTRIES:
        return invalid("Entries holds more than 20 entries.")
    results = []
    for entry in entries:
        event_times.append(seconds_of(entry["Time"]) if "Time" in entry else _now_ts())
        try:
            answer = _put_events({"Entries": [entry | {"EventBusName": entry["Source"]}]}, allow_aws_source=True)
        finally:
            event_times.pop()
        results += json.loads(answer[2])["Entries"]
    return json_response({"FailedEntryCount": 0, "Entries": results})


def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
    """Honour an entry's `Time`, one entry at a time."""
    entries = data.get("Entries", [])
    if len(entries) != 1:
        if len(entries) > 10:
            return _put_events(data, allow_aws_source)
        results = [json.loads(put_events({"Entries": [entry]}, allow_aws_source)[2])["Entries"][0] for entry in entries]
        return json_response({"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results})
    event_times.append(seconds_of(entries[0]["Time"]) if "Time" in entries[0] else _now_ts())
    try:
        return _put_events(data, allow_aws_source)
    finally:
        event_times.pop()


def archive_event(event: dict[str, Any], view: Any = None) -> None:
    """Remember when an event was put: an archive has it later; a replayed event is not archived again."""
    if event.get("ReplayName") is None:
        event["_PutAt"] = _now_ts()
        _archive_event(event, view)


def dispatch_event(event: dict[str, Any], view: Any = None) -> None:
    """Give a replayed event only to the rules that its replay names."""
    replay = bridge._replays.get(event["ReplayName"]) if event.get("ReplayName") else None
    allowed = (replay or {}).get("Destination", {}).get("FilterArns")
    if allowed:
        skipped = [key for key, rule in bridge._rules.items() if rule["Arn"] not in allowed]
        event = event | {"_DispatchPath": [*event.get("_DispatchPath", []), *skipped]}
    _dispatch_event(event, view)


def start_replay(data: dict[str, Any]) -> Any:
    """Check what AWS checks, in its words, and replay on the server's own loop."""
    name, destination = data["ReplayName"], data.get("Destination", {})
    archive_arn = data.get("EventSourceArn", "")
    archive = bridge._archives.get(archive_arn.partition(":archive/")[2])
    bus_arn = destination.get("Arn", "")
    bus = bus_arn.partition(":event-bus/")[2]
    start, end = seconds_of(data["EventStartTime"]), seconds_of(data["EventEndTime"])
    if start >= end:
        return invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
    if bus not in bridge._event_buses:
        return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
    if archive is None:
        missing = archive_arn.partition(":archive/")[2]
        return invalid(f"Parameter EventSourceArn is not valid. Reason: Archive {missing} does not exist.")
    if archive["EventSourceArn"] != bus_arn:
        return invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
    if name in bridge._replays:
        return error_response_json("ResourceAlreadyExistsException", f"Replay {name} already exists.", 400)
    if sum(replay["State"] in ACTIVE for replay in bridge._replays.values()) >= MOST_ACTIVE:
        message = "The requested resource exceeds the maximum number allowed."
        return error_response_json("LimitExceededException", message, 400)
    replay = {
        "ReplayName": name,
        "ReplayArn": f"arn:aws:events:{bridge.get_region()}:{bridge.get_account_id()}:replay/{name}",
        "EventSourceArn": archive_arn,
        "EventStartTime": start,
        "EventEndTime": end,
        "Destination": destination,
        "State": "STARTING",
        "ReplayStartTime": _now_ts(),
    }
    bridge._replays[name] = replay
    knobs = delivery.knobs_of_replays[name] = knobs_of(archive["ArchiveName"])
    task = asyncio.get_running_loop().create_task(run(replay, archive, knobs))
    running.add(task)
    task.add_done_callback(running.discard)
    return json_response({key: replay[key] for key in ("ReplayArn", "State", "ReplayStartTime")})


def cancel_replay(data: dict[str, Any]) -> Any:
    """Ask a running replay to stop."""
    replay = bridge._replays.get(data["ReplayName"])
    if replay is None:
        message = f"Replay {data['ReplayName']} does not exist."
        return error_response_json("ResourceNotFoundException", message, 400)
    if replay["State"] not in ("STARTING", "RUNNING"):
        message = f"Replay {data['ReplayName']} is not in a valid state for this operation."
        return error_response_json("IllegalStatusException", message, 400)
    replay["State"] = "CANCELLING"
    return json_response({"ReplayArn": replay["ReplayArn"], "State": "CANCELLING"})


async def run(replay: dict[str, Any], archive: dict[str, Any], knobs: dict[str, Any]) -> None:  # noqa: C901 - a replay's ways to end
    """Send a window's events again, minute by minute, the oldest first."""
    dice = random.Random(replay["ReplayName"])
    started = asyncio.get_running_loop().time() + knobs["starting_seconds"]
    while asyncio.get_running_loop().time() < started and replay["State"] == "STARTING":  # noqa: ASYNC110 - may be cancelled
        await asyncio.sleep(0.02)
    if replay["State"] == "STARTING":
        replay["State"] = "RUNNING"
    minutes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in archive.get("Events", []):
        archived = event["_PutAt"] + knobs["archive_delay_seconds"] <= _now_ts()
        if archived and replay["EventStartTime"] <= event["Time"] <= replay["EventEndTime"]:
            minutes[event["Time"] // 60].append(event)
    order = sorted(minutes)
    if knobs["shuffled"]:
        dice.shuffle(order)
    sent, late = 0, []
    for minute in order:
        if knobs["shuffled"]:
            dice.shuffle(minutes[minute])
        for event in minutes[minute]:
            if sent == knobs["fail_after"]:
                replay |= {"State": "FAILED", "StateReason": "An internal error occurred."}
            if replay["State"] != "RUNNING":
                break
            again = event | {"ReplayName": replay["ReplayName"]}
            if knobs["new_ids"]:
                again["EventId"] = bridge.new_uuid()
            if dice.random() < knobs["late"]:
                late.append(again)
            else:
                bridge._dispatch_event(again)
            if dice.random() < knobs["duplicates"]:
                bridge._dispatch_event(again)
            sent += 1
            if knobs["events_per_second"]:
                await asyncio.sleep(1 / knobs["events_per_second"])
            elif sent % 100 == 0:
                await asyncio.sleep(0)
        replay["EventLastReplayedTime"] = min(minute * 60 + 60, replay["EventEndTime"])
    end = {"RUNNING": "COMPLETED", "CANCELLING": "CANCELLED"}
    replay |= {"State": end.get(replay["State"], replay["State"]), "ReplayEndTime": _now_ts()}
    await asyncio.sleep(knobs["late_seconds"])
    for again in late:
        bridge._dispatch_event(again)


def knobs_of(archive: str) -> dict[str, Any]:
    """Read how an archive behaves now."""
    path = Path(os.environ["EMULATOR_KNOBS"])
    told = json.loads(path.read_text()).get(archive, {}) if path.exists() else {}
    unknown = set(told) - set(KNOBS)
    if unknown:
        raise ValueError(f"no such knob: {unknown}")
    return KNOBS | told


def seconds_of(value: Any) -> int:
    """Give a request's time in whole seconds since 1970."""
    return int(bridge._coerce_timestamp(value))


def invalid(message: str) -> Any:
    """Answer as AWS does to a wrong parameter."""
    return error_response_json("ValidationException", message, 400)


def exit_with_stdin() -> None:
    """End when the parent does, however it ends."""
    import threading

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


OVERRIDES = {
    "_now_ts": now_ts,
    "_put_partner_events": put_partner_events,
    "_put_events": put_events,
    "_archive_event": archive_event,
    "_dispatch_event": dispatch_event,
    "_start_replay": start_replay,
    "_cancel_replay": cancel_replay,
}
running: set[asyncio.Task[None]] = set()

if __name__ == "__main__":
    for place, replacement in OVERRIDES.items():
        if not hasattr(bridge, place):
            sys.exit(f"ministack has no {place} any more: look at the overrides again")
        setattr(bridge, place, replacement)
    delivery.install()
    exit_with_stdin()
    sys.argv = sys.argv[:1]
    app.main()
