"""A task is derived from its ID alone, and agrees with its events."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bwp_client.sandbox.sample.catalog import CODE_SETS, PRODUCTS, Kind, Lifecycle
from bwp_client.sandbox.sample.task import task_from_id
from bwp_client.sandbox.sample.task_ids import EPOCH_2020, MAX_NUMBER, TaskFields, decode, encode
from bwp_client.sandbox.sample.writer import waiting_task_ids

UNTIL = date(2026, 3, 31)

fields = st.builds(
    TaskFields,
    seed_tag=st.integers(0, 0xFFFF),
    kind=st.sampled_from(Kind),
    product=st.integers(0, len(PRODUCTS) - 1),
    lifecycle=st.sampled_from(Lifecycle),
    code_set=st.integers(0, len(CODE_SETS) - 1),
    number=st.integers(0, MAX_NUMBER),
    at=st.integers(EPOCH_2020, EPOCH_2020 + (1 << 30) - 1),
)


@given(fields)
def test_a_task_id_decodes_to_its_fields(what):
    task_id = encode(what)
    assert decode(task_id) == what
    assert task_id.startswith("5eed5eed-")
    assert UUID(task_id).version == 8
    assert str(UUID(task_id)) == task_id


@given(fields)
def test_every_task_is_submitted_before_its_last_change(what):
    task = task_from_id(encode(what), now=datetime(2100, 1, 1, tzinfo=UTC))
    assert task.submitted_at < task.updated_at
    assert (task.holding_period_days is None) == (what.kind is Kind.RETRIEVAL)
    if what.lifecycle is not Lifecycle.WAITING:
        behind = datetime.fromtimestamp(what.at, tz=UTC) - task.updated_at
        assert timedelta(0) < behind < timedelta(seconds=1)


@given(fields, st.integers(9, 35), st.sampled_from("0123456789abcdef"))
def test_a_changed_digit_is_not_taken_for_another_sample_task_too_often(what, position, digit):
    task_id = encode(what)
    changed = task_id[:position] + digit + task_id[position + 1 :]
    if task_id[position] != "-" and changed != task_id:
        other = decode(changed)
        assert other is None or other != what


@pytest.mark.parametrize(
    "text", ["", "5eed5eed-", "7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01", "5eed5eed-" + "z" * 27, "ü" * 36]
)
def test_other_texts_are_no_sample_tasks(text):
    assert task_from_id(text) is None


def test_task_and_events_agree(sample):
    latest = {}
    for event in sample.privacy():
        entry = (event["time"], event["detail-type"].endswith("FAILED"), event)
        task_id = event["resources"][0].split("/")[3]
        if task_id not in latest or latest[task_id][:2] < entry[:2]:
            latest[task_id] = entry
    for task_id, (time, failed, event) in latest.items():
        task = task_from_id(task_id)
        _, product, resource, _ = event["resources"][0].split("/")
        assert task.status == ("FAILED" if failed else "COMPLETED")
        assert bool(task.errors) == failed
        assert task.product.business_product_id == product
        assert resource == f"personalData{task.kind.name.title()}Task"
        assert timedelta(0) < datetime.fromisoformat(time) - task.updated_at < timedelta(seconds=1)
        if event["detail"]:
            subject = event["detail"]["data"][resource]["dataSubject"]
            assert subject == {"type": "SHOPPER", "email": task.email}


def test_submission_lies_before_every_event_of_a_task(sample):
    for event in sample.privacy():
        task = task_from_id(event["resources"][0].split("/")[3])
        assert task.submitted_at < datetime.fromisoformat(event["time"])


def failed_tasks(sample):
    tasks = {
        event["resources"][0].split("/")[3] for event in sample.privacy() if event["detail-type"].endswith("FAILED")
    }
    return [task for task in map(task_from_id, sorted(tasks)) if task.status == "FAILED"]


def test_codes_follow_the_planned_calendar(sample):
    end, when = sample.summary.ends_at, {}
    sets = Counter()
    for task in failed_tasks(sample):
        sets[len(task.errors)] += 1
        for error in task.errors:
            when.setdefault(error.code, []).append((end - task.updated_at).days)
    assert {"ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", None, "RETURN_IN_PROGRESS"} < set(when)
    assert 28 <= max(when["LEGAL_HOLD_ACTIVE"]) <= 37
    away = when["DOWNSTREAM_TIMEOUT"]
    assert any(days > 390 for days in away)
    assert any(days < 46 for days in away)
    assert not any(46 < days < 388 for days in away)
    assert set(sets) == {1, 2, 3}
    assert sets[1] > 0.85 * sets.total()


def test_the_incident_has_one_cause(sample):
    summary = sample.summary
    codes = Counter(
        error.code
        for task in failed_tasks(sample)
        if task.product.business_product_id == summary.incident_product
        and task.kind is Kind.DELETION
        and summary.incident_from <= task.updated_at < summary.incident_until
        for error in task.errors
    )
    assert codes["ORDERS_NOT_CLOSED"] > 0.75 * codes.total()


def test_messages_embed_identifiers_that_must_be_redacted(sample):
    messages = [error.message for task in failed_tasks(sample) for error in task.errors]
    assert len(set(messages)) > 0.95 * len(messages)
    assert any(re.search(r"\d{3}-\d{7}-\d{7}", message) for message in messages)
    assert any(re.search(r"canary-\d+@shopper\.invalid", message) for message in messages)
    assert all("5eed5eed-" in message for message in messages)


def test_holding_periods_are_mostly_ten_days(sample):
    tasks = [task_from_id(event["resources"][0].split("/")[3]) for event in sample.privacy()[:5_000]]
    periods = Counter(task.holding_period_days for task in tasks if task.kind is Kind.DELETION)
    assert 0.55 < periods[10] / periods.total() < 0.75
    assert min(periods) == 0
    assert max(periods) == 30


def test_most_completions_keep_to_the_30_days_of_processing_and_a_few_do_not(sample):
    over = within = 0
    for event in sample.privacy():
        task = task_from_id(event["resources"][0].split("/")[3])
        if task.status == "COMPLETED":
            days = (task.updated_at - task.submitted_at) / timedelta(days=1) - (task.holding_period_days or 0)
            over, within = over + (days > 30), within + (days <= 30)
    assert 0 < over < within / 200


def test_waiting_tasks_are_on_hold_then_in_progress():
    ids = waiting_task_ids(40, seed=1, until=UNTIL)
    now = datetime(2026, 3, 31, tzinfo=UTC)
    tasks = [task_from_id(task_id, now=now) for task_id in ids]
    assert len(set(ids)) == 40
    assert {task.status for task in tasks} == {"ON_HOLD", "IN_PROGRESS"}
    for task in tasks:
        held = now < task.submitted_at + timedelta(days=task.holding_period_days)
        assert task.status == ("ON_HOLD" if held else "IN_PROGRESS")
        assert not task.errors
    retrievals = [
        task_from_id(task_id, now=now) for task_id in waiting_task_ids(3, seed=1, until=UNTIL, kind=Kind.RETRIEVAL)
    ]
    assert {task.status for task in retrievals} == {"IN_PROGRESS"}
