"""The files of a sample hold exactly the records that the summary counts, read with the standard library alone."""

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import pytest

from bwp_client.sandbox.sample.task import task_from_id
from bwp_client.sandbox.sample.writer import PRODUCT_NAMES, write_sample

UNTIL = date(2026, 3, 31)
DETAIL_KEYS = {"idempotencyKey", "eventDescriptor", "resources", "eventId"}
DETAIL_KEYS |= {"apiVersion", "subscriptionId", "eventTime", "data"}
TINY, NORTHLIGHT = "Tiny Acorn Press", "Northlight Toys"


def event_key(event):
    return event["detail"].get("idempotencyKey") or event["id"]


def task_of(event):
    return event["resources"][0].split("/")[3]


def product_of(event):
    return PRODUCT_NAMES[event["resources"][0].split("/")[1]]


def moment(event):
    return datetime.fromisoformat(event["time"])


def first_deliveries(sample):
    seen = {}
    for event in sample.privacy():
        seen.setdefault((event_key(event), event["detail-type"], task_of(event)), event)
    return list(seen.values())


def outcomes(sample):
    """The latest outcome of each task, FAILED on a tie, as (time, failed, event)."""
    latest = {}
    for event in first_deliveries(sample):
        entry = (event["time"], event["detail-type"].endswith("FAILED"), event)
        if task_of(event) not in latest or latest[task_of(event)][:2] < entry[:2]:
            latest[task_of(event)] = entry
    return latest


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_request_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_sample(tmp_path / name, events=6_000, seed=3, until=UNTIL)
    write_sample(tmp_path / "c", events=6_000, seed=4, until=UNTIL)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_the_bytes_of_one_small_sample_never_change(tmp_path):
    # Task IDs and events already stored in somebody's demo must still agree with the API after an upgrade.
    write_sample(tmp_path, events=60, seed=1, until=date(2025, 6, 30))
    (path,) = tmp_path.iterdir()
    text = gzip.decompress(path.read_bytes())
    assert hashlib.sha256(text).hexdigest() == "ee66f722cd1a1c7a6883deb88faea507be46979617dc65fc99b14f3220edd378"


@pytest.mark.parametrize("events", [1, 2, 17, 100, 399, 400, 1_000, 4_999, 5_000, 12_345])
def test_the_number_of_records_is_the_one_asked_for(tmp_path, read_sample, events):
    seen = []
    summary = write_sample(tmp_path, events=events, seed=5, until=UNTIL, on_progress=seen.append)
    sample = read_sample(tmp_path, summary)
    assert len(sample.events) + len(sample.broken) == summary.records == events == seen[-1]
    assert summary.malformed == len(sample.broken) >= (8 if events >= 5_000 else 0)


def test_counts_agree_with_an_independent_reading(sample):
    summary, privacy = sample.summary, sample.privacy()
    firsts, latest = first_deliveries(sample), outcomes(sample)
    replays = sum("replay-name" in event for event in privacy)
    assert summary.privacy == len(firsts)
    assert summary.replays == replays
    assert summary.duplicates == len(privacy) - len(firsts) - replays
    assert summary.other_types == len(sample.events) - len(privacy)
    assert summary.malformed == len(sample.broken)
    assert summary.by_type == Counter(event["detail-type"] for event in firsts)
    assert summary.tasks == len(latest)
    assert summary.failed == sum(failed for _, failed, _ in latest.values())
    assert summary.conflicting == len(firsts) - len(latest) > 0
    assert summary.enveloped == sum(bool(event["detail"]) for event in firsts)
    assert summary.files == len(list(sample.folder.iterdir()))
    assert summary.bytes == sum(path.stat().st_size for path in sample.folder.iterdir())


def test_each_wire_form_occurs(sample):
    names = sorted(path.name for path in sample.folder.iterdir())
    plain = [(sample.folder / name).read_text() for name in names if name.endswith(".json")]
    assert len(names) >= 6
    assert sum(text.startswith("[") for text in plain) == 1
    (joined,) = (text for text in plain if text.startswith("{"))
    assert "}{" in joined
    assert "\n" not in joined


def test_proper_events_have_the_documented_envelope(sample):
    for event in sample.events:
        assert event["version"] == "0"
        assert event["source"].startswith("aws.partner/buywithprime/sample-")
        assert event["account"] == "123456789012"
        assert event["region"] == ("eu-west-1" if product_of(event).endswith("Europe") else "us-east-1")
        detail = event["detail"]
        if detail:
            assert detail["eventDescriptor"] == event["detail-type"]
            assert detail["resources"] == event["resources"]
            assert set(detail) == DETAIL_KEYS


def test_the_older_payload_ends_on_one_day(sample):
    thin = max(event["time"] for event in sample.events if not event["detail"])
    enveloped = min(event["time"] for event in sample.events if event["detail"])
    assert thin < enveloped
    assert sample.summary.starts_at < datetime.fromisoformat(enveloped) < sample.summary.ends_at


def test_the_window_is_18_months_and_is_filled(sample):
    days = {event["time"][:10] for event in sample.privacy()}
    assert sample.summary.starts_at.date() == date(2024, 9, 30)
    assert len(days) == (UNTIL - date(2024, 9, 30)).days + 1
    assert all(sample.summary.starts_at <= moment(event) < sample.summary.ends_at for event in sample.events)


def test_weekdays_are_busier(sample):
    counts = Counter(moment(event).weekday() for event in first_deliveries(sample))
    assert min(counts[day] for day in range(5)) > 1.5 * max(counts[5], counts[6])


def test_one_product_is_too_small_to_rate_and_one_has_no_completed_deletions(sample):
    counts = Counter((product_of(event), event["detail-type"]) for _, _, event in outcomes(sample).values())
    tiny = {kind: count for (name, kind), count in counts.items() if name == TINY}
    assert sum(tiny.values()) == 9
    assert counts[NORTHLIGHT, "PERSONAL_DATA_DELETION_TASK_COMPLETED"] == 0
    assert counts[NORTHLIGHT, "PERSONAL_DATA_DELETION_TASK_FAILED"] > 20
    assert counts[NORTHLIGHT, "PERSONAL_DATA_RETRIEVAL_TASK_COMPLETED"] > 20
    assert {name for name, _ in counts} == set(PRODUCT_NAMES.values())


def test_failures_grow_and_the_incident_stands_out(sample):
    summary, monthly, incident = sample.summary, defaultdict(Counter), Counter()
    for time, failed, event in outcomes(sample).values():
        if "RETRIEVAL" in event["detail-type"] or product_of(event) == NORTHLIGHT:
            continue
        inside = summary.incident_from <= moment(event) < summary.incident_until
        if inside and event["resources"][0].split("/")[1] == summary.incident_product:
            incident[failed] += 1
        else:
            monthly[time[:7]][failed] += 1
    rates = [counts[True] / counts.total() for _, counts in sorted(monthly.items()) if counts.total() > 500]
    assert 0.022 < sum(rates[:4]) / 4 < 0.038
    assert 0.04 < sum(rates[-4:]) / 4 < 0.06
    assert 0.13 < incident[True] / incident.total() < 0.28


def test_about_an_eighth_are_retrievals(sample):
    kinds = Counter(event["detail-type"].split("_")[2] for event in first_deliveries(sample))
    assert 0.10 < kinds["RETRIEVAL"] / kinds.total() < 0.14


def test_repeats_keep_their_id_and_replays_carry_their_name(sample):
    by_key = defaultdict(list)
    for event in sample.privacy():
        by_key[event_key(event)].append(event)
    for events in by_key.values():
        bare = [{name: value for name, value in event.items() if name not in {"id", "replay-name"}} for event in events]
        assert all(event == bare[0] for event in bare)
    several = [events for events in by_key.values() if len({event["id"] for event in events}) > 1]
    assert len(several) == sample.summary.new_envelopes > 0
    names = {event["replay-name"] for event in sample.events if "replay-name" in event}
    assert len(names) == 5
    assert all(name.startswith("privacy-backfill-") for name in names)


def test_some_events_arrive_days_late(sample):
    newest, late = sample.summary.starts_at, 0
    for event in first_deliveries(sample):
        late += newest - moment(event) > timedelta(hours=20)
        newest = max(newest, moment(event))
    assert late >= 0.8 * sample.summary.late > 100


def test_other_types_name_the_right_resources(sample):
    shapes = {
        "ORDER_CONFIRMED": ("order",),
        "PACKAGE_DELIVERED": ("order", "delivery"),
        "PACKAGE_DELIVERY_IN_TRANSIT": ("order", "delivery"),
        "BUYABILITY_CHANGED": ("items",),
        "INVENTORY_CHANGED": ("item-quantities",),
        "PACKAGE_TRACKER_MILESTONE_CHANGED": ("carrier", "tracker"),
        "REFUND_REQUESTED": ("order", "refund"),
        "RETURN_STARTED": ("order", "return"),
    }
    others = [event for event in sample.events if not event["detail-type"].startswith("PERSONAL_DATA")]
    assert {event["detail-type"] for event in others} == set(shapes)
    for event in others:
        parts = event["resources"][0].split("/")
        assert parts[0] == "businessProduct"
        assert tuple(parts[2::2]) == shapes[event["detail-type"]]


def test_malformed_records_are_of_many_kinds_and_name_no_task_of_an_event(sample):
    parsed = []
    for text in sample.broken:
        try:
            parsed.append(json.loads(text))
        except ValueError:
            parsed.append(text)
    assert len({str(type(record)) + str(record)[:30] for record in parsed}) > 5
    assert any(isinstance(record, str) and record.startswith("PERSONAL") for record in parsed)
    assert any(isinstance(record, dict) and record.get("resources") == [] for record in parsed)
    assert any(isinstance(record, dict) and isinstance(record.get("id"), int) for record in parsed)
    assert any(text.rstrip().endswith(',],"detail":{}}') or ",]" in text for text in sample.broken)
    known = {task_of(event) for event in sample.privacy()}
    named = {task for text in sample.broken for task in re.findall(r"5eed5eed-[0-9a-f-]{27}", text)}
    assert named
    assert not named & known


def test_the_folder_of_another_sample_is_refused(tmp_path):
    write_sample(tmp_path, events=10, seed=1, until=UNTIL)
    with pytest.raises(FileExistsError, match="Nothing was written"):
        write_sample(tmp_path, events=10, seed=1, until=UNTIL)


@pytest.mark.parametrize("until", [date(2021, 7, 1), date(2024, 2, 29), date(2053, 12, 31)])
def test_any_day_from_the_middle_of_2021_on_can_be_the_last(tmp_path, read_sample, until):
    sample = read_sample(tmp_path, write_sample(tmp_path, events=900, seed=2, until=until))
    assert sample.summary.ends_at.date() == until
    for event in sample.privacy():
        assert task_from_id(task_of(event)).status == event["detail-type"].split("_")[-1]


@pytest.mark.parametrize(
    ("events", "seed", "until"),
    [(0, 1, UNTIL), (200_000_000, 1, UNTIL), (10, -1, UNTIL), (10, 1, date(2021, 6, 30)), (10, 1, date(2054, 1, 1))],
)
def test_impossible_samples_are_refused(tmp_path, events, seed, until):
    with pytest.raises(ValueError, match="sample"):
        write_sample(tmp_path / "out", events=events, seed=seed, until=until)
    assert not (tmp_path / "out").exists()
