"""Started tasks follow the documented rules, on a clock that is set forward."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.requesting import CANCEL, Shop, refusal
from support.sandbox import running_sandbox

from bwp_client.sandbox.api.behaviour import Behaviour

LONG_AGO = datetime(2026, 3, 1, 9, tzinfo=UTC)
TOKEN = "0123456789" * 4


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_sandbox() as sandbox:
        client = Shop(sandbox.url)
        client.set_clock(LONG_AGO)
        yield client
        client.http.close()


def test_a_task_is_on_hold_then_in_progress_then_completed(shop: Shop) -> None:
    task = shop.start("ada@shopper.example.com")
    answer = shop.task(task)
    assert (answer["status"], answer["holdingPeriod"]) == ("ON_HOLD", 10)
    assert answer["submissionDate"].startswith("2026-03-01T09:00:0")
    shop.forward(9.99)
    assert shop.task(task)["status"] == "ON_HOLD"
    shop.forward(0.02)
    assert shop.task(task)["status"] == "IN_PROGRESS"
    shop.forward(30)
    answer = shop.task(task)
    assert (answer["status"], answer["errors"]) == ("COMPLETED", [])


@pytest.mark.parametrize(
    ("email", "days", "code"),
    [
        ("unknown-1@shopper.example.com", 0.001, "DATA_SUBJECT_NOT_FOUND"),
        ("open-orders-1@x.example", 10.01, "ORDERS_NOT_CLOSED"),
    ],
)
def test_a_task_fails_for_its_reason(shop: Shop, email: str, days: float, code: str) -> None:
    task = shop.start(email)
    shop.forward(days)
    answer = shop.task(task)
    assert answer["status"] == "FAILED"
    assert [error["code"] for error in answer["errors"]] == [code]


def test_without_a_holding_period_it_is_in_progress_at_once(shop: Shop) -> None:
    assert shop.task(shop.start("a@b.example", holdingPeriod=0))["status"] == "IN_PROGRESS"


@pytest.mark.parametrize("days", [-1, 181])
def test_a_holding_period_out_of_range_is_refused(shop: Shop, days: int) -> None:
    kind, _, message = refusal(shop.try_start("a@b.example", holdingPeriod=days))
    assert kind == "ValidationError"
    assert "/startPersonalDataDeletionTask/input/holdingPeriod" in message
    assert shop.task(shop.start("a@b.example", holdingPeriod=180))["holdingPeriod"] == 180


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a b@c.example", "a@b.c"])
def test_an_address_of_another_form_is_refused(shop: Shop, email: str) -> None:
    kind, _, message = refusal(shop.try_start(email))
    assert kind == "ValidationError"
    assert "/input/dataSubject/email" in message
    assert not email or email not in message


def test_a_client_token_gives_the_same_task_for_eight_hours(shop: Shop) -> None:
    token = {"token": TOKEN}
    first = shop.start("a@b.example", clientToken=token)
    assert shop.start("other@b.example", clientToken=token) == first
    shop.forward(7.99 / 24)
    assert shop.start("a@b.example", clientToken=token) == first
    shop.forward(0.02 / 24)
    assert shop.start("a@b.example", clientToken=token) != first
    assert shop.start("a@b.example") != shop.start("a@b.example")


@pytest.mark.parametrize("length", [0, 35, 65])
def test_a_client_token_of_another_length_is_refused(shop: Shop, length: int) -> None:
    kind, _, message = refusal(shop.try_start("a@b.example", clientToken={"token": "x" * length}))
    assert (kind, "clientToken" in message) == ("ValidationError", True)


def test_cancelling_works_only_while_on_hold(shop: Shop) -> None:
    held, late = shop.start("a@b.example"), shop.start("a@b.example", holdingPeriod=0)
    assert shop.ask(CANCEL, id=held)["data"]["cancelPersonalDataDeletionTask"]["taskId"] == held
    assert refusal(shop.ask(CANCEL, id=held))[0] == "ResourceNotFoundError"
    kind, code, _ = refusal(shop.ask(CANCEL, id=late))
    assert (kind, code) == ("ValidationError", "CannotCancelPersonalDataDeletionTask")
    assert shop.ask(CANCEL, id=late)["data"] == {"cancelPersonalDataDeletionTask": None}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"now": "soon"}', b'{"now": 5}', b'{"forward_days": "x"}', b'{"forward_days": 1e99}']
)
def test_an_invalid_time_does_not_set_the_clock(shop: Shop, body: bytes) -> None:
    assert shop.http.post("/clock", content=body).status_code == 400


def test_the_clock_does_not_go_back_before_a_task(shop: Shop) -> None:
    shop.start("a@b.example")
    answer = shop.http.post("/clock", json={"now": (LONG_AGO - timedelta(days=1)).isoformat()})
    assert answer.status_code == 400
    assert "before a task was started" in answer.json()["message"]


def test_an_endpoint_that_is_down_loses_no_event() -> None:
    with running_sandbox(Behaviour(events_endpoint="http://127.0.0.1:9")) as sandbox:
        shop = Shop(sandbox.url)
        shop.set_clock(LONG_AGO)
        shop.start("unknown@b.example")
        answer = shop.forward(1)
        shop.http.close()
    assert (answer["published"], answer["due"]) == (0, 1)
