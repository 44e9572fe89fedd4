"""Enrichment from events on disk to rows in the warehouse, against a local API over HTTP."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.asking import ANY, START, Shop, asked_about, eager, event, impatient
from support.sandbox import running_sandbox

from bwp_client.enrich import EnrichResult
from bwp_client.errors import MixedDataError, SettingsError, SourceNotFoundError, TransientRemoteError
from bwp_client.load import load
from bwp_client.sandbox.api.behaviour import Behaviour, Credential
from bwp_client.settings import ApiCredential
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, list_runs, newest_run


def test_every_failed_task_is_found_with_one_token_and_no_personal_data(sample_shop, caplog):
    caplog.set_level(logging.DEBUG)
    (failed,) = sample_shop.query("select count(*) from outcomes where outcome = 'FAILED'")[0]
    with running_sandbox() as sandbox:
        result = sample_shop.enrich(sandbox.url)
        assert result.as_json() == {
            "asked": failed, "found": failed, "pending": 0, "not_found": 0, "denied": 0, "failed": 0, "not_asked": 0,
            "requests": failed,
        }  # fmt: skip
        assert [line["path"] for line in sandbox.log].count("/token") == 1
        fields = {name for line in sandbox.log for name in line.get("fields", ())}
        assert not fields & {"email", "dataSubject", "dataRetrievalLink"}
        assert {line["kind"] for line in sandbox.log if line["path"] == "/graphql"} == {"query"}

        again = sample_shop.enrich(sandbox.url)
        assert (again.asked, again.api_calls, again.not_asked) == (0, 0, 0)
    assert sample_shop.progress[-1].done == sample_shop.progress[-1].total == failed
    text = repr(sample_shop.query("select * from lookups"))
    for canary in ("@", "canary", "the-secret", "signature"):
        assert canary not in text
        assert canary not in caplog.text
    run = newest_run(sample_shop.warehouse)
    assert (run.kind, run.state) == ("enrich", "finished")
    assert run.counts["found"] == failed
    assert sample_shop.query("select count(distinct task_id), count(*), min(attempt), max(attempt) from lookups") == [
        (failed, failed, 1, 1)
    ]


def test_a_password_in_the_address_is_not_stored(sample_shop):
    with running_sandbox() as sandbox:
        sample_shop.enrich(sandbox.url.replace("http://", "http://user:hunter22@"), limit=1)
    run = newest_run(sample_shop.warehouse)
    assert (run.kind, run.source) == ("enrich", f"{sandbox.url}/graphql".replace("http://", "http://<secret>@"))
    assert "hunter22" not in repr(sample_shop.query("select * from lookups"))


def test_the_limit_holds(sample_shop):
    total = sample_shop.query("select count(*) from outcomes where outcome = 'FAILED'")[0][0]
    with running_sandbox() as sandbox:
        result = sample_shop.enrich(sandbox.url, limit=7)
    assert (result.asked, result.not_asked) == (7, total - 7)
    assert sample_shop.query("select count(*) from lookups") == [(7,)]


def test_completed_tasks_are_asked_about_on_request_and_last(sample_shop):
    failed, completed = sample_shop.query(
        "select count(*) filter (outcome = 'FAILED'), count(*) filter (outcome = 'COMPLETED') from outcomes"
    )[0]
    with running_sandbox() as sandbox:
        result = sample_shop.enrich(sandbox.url, completed=True, limit=failed + 5)
    assert (result.found, result.not_asked) == (failed + 5, completed - 5)
    assert sample_shop.query("select count(*) from lookups where status = 'COMPLETED' and submitted_at is null") == [
        (0,)
    ]


def test_without_any_time_nothing_is_asked(sample_shop):
    with running_sandbox() as sandbox:
        result = sample_shop.enrich(sandbox.url, max_minutes=0)
        assert sandbox.log == []
    assert result.asked == 0
    assert result.not_asked > 0


def test_without_any_credential_nothing_is_asked(shop_of):
    shop = shop_of(event(1, "FAILED"))
    with running_sandbox() as sandbox:
        with pytest.raises(SettingsError, match=r"Nothing was asked.*BWP_API__CREDENTIALS"):
            shop.enrich(sandbox.url, credentials={})
        assert sandbox.log == []
    assert [run.kind for run in list_runs(shop.warehouse)] == ["load"]


def test_with_nothing_to_ask_no_credential_is_needed_and_no_run_is_written(shop_of):
    shop = shop_of(event(1, "COMPLETED"))
    assert shop.enrich("http://127.0.0.1:9", credentials={}).as_json() == EnrichResult().as_json()
    assert [run.kind for run in list_runs(shop.warehouse)] == ["load"]


def test_an_empty_warehouse_says_to_load_first(tmp_path):
    with pytest.raises(SourceNotFoundError, match="Load events first"):
        Shop(Warehouse(str(tmp_path / "none"))).enrich("http://127.0.0.1:9")


def test_sample_tasks_are_never_asked_about_elsewhere(sample_shop):
    for url in ("https://api.example.invalid", "http://192.0.2.1"):
        with pytest.raises(MixedDataError, match="Nothing was asked"):
            sample_shop.enrich(url)
    assert sample_shop.query("select count(*) from lookups") == [(0,)]


def test_three_products_with_three_credentials_one_of_them_wrong(sample_shop):
    products = sample_shop.query(
        "select business_product_id, count(*) from outcomes where outcome = 'FAILED' group by 1 order by 2 desc limit 3"
    )
    known = {f"client-{n}": Credential("s", product) for n, (product, _) in enumerate(products)}
    credentials = {
        product: ApiCredential(client_id=f"client-{n}", client_secret=SecretStr("s" if n else "wrong"))
        for n, (product, _) in enumerate(products)
    }
    with running_sandbox(Behaviour(credentials=known)) as sandbox:
        result = sample_shop.enrich(sandbox.url, credentials=credentials)
        tokens = [line for line in sandbox.log if line["path"] == "/token"]
    assert len(tokens) == 3
    states = dict(sample_shop.query("select business_product_id, any_value(lookup_state) from lookups group by 1"))
    assert [states[product] for product, _ in products] == ["denied", "found", "found"]
    assert result.found == products[1][1] + products[2][1]
    reasons = dict(sample_shop.query("select business_product_id, any_value(reason) from lookups group by 1"))
    assert "refused the API credential" in reasons[products[0][0]]
    others = set(states) - {product for product, _ in products}
    assert others
    assert all("There is no API credential" in reasons[product] for product in others)


def test_a_task_that_could_not_be_asked_about_is_stored_once_and_asked_when_a_credential_comes(sample_shop):
    (product, _) = sample_shop.query(
        "select business_product_id, count(*) from outcomes where outcome = 'FAILED' group by 1 order by 2 limit 1"
    )[0]
    credentials = {product: ANY["*"]}
    with running_sandbox() as sandbox:
        first = sample_shop.enrich(sandbox.url, credentials=credentials)
        rows = sample_shop.query("select count(*) from lookups")
        second = sample_shop.enrich(sandbox.url, credentials=credentials)
        assert second.denied == first.denied > 0
        assert sample_shop.query("select count(*) from lookups") == rows
        third = sample_shop.enrich(sandbox.url)
    assert (third.found, third.denied) == (first.denied, 0)


def test_a_failed_lookup_is_repeated_when_its_next_attempt_is_due(shop_of):
    shop = shop_of(event(1, "FAILED"))
    with running_sandbox(Behaviour(error_rate=1.0)) as sandbox:
        assert shop.enrich(sandbox.url, client_factory=impatient).failed == 1
        [(due,)] = shop.query("select next_attempt_at from lookups")
        assert due == START + timedelta(minutes=1)
        shop.now = due - timedelta(seconds=1)
        assert shop.enrich(sandbox.url, client_factory=impatient).asked == 0
        shop.now = due
        assert shop.enrich(sandbox.url, client_factory=impatient).failed == 1
    assert shop.query("select attempt, next_attempt_at - asked_at from lookups order by asked_at") == [
        (1, timedelta(minutes=1)),
        (2, timedelta(minutes=2)),
    ]


def test_a_lookup_that_ended_for_good_is_repeated_only_on_request(shop_of):
    shop = shop_of(event(1, "FAILED", product="bp-2f6d1c84-9b0e-4a57-8c31-5e7a90d4b612"))
    with running_sandbox() as sandbox:
        assert shop.enrich(sandbox.url).not_found == 1
        shop.now += timedelta(days=400)
        assert shop.enrich(sandbox.url).asked == 0
        assert shop.enrich(sandbox.url, retry_failed=True).not_found == 1
    assert shop.query("select attempt from lookups order by attempt") == [(1,), (2,)]


def test_a_task_found_completed_that_failed_afterwards_is_asked_about_again(sample_shop, tmp_path):
    [(task_id, product)] = sample_shop.query(
        "select task_id, business_product_id from outcomes where outcome = 'COMPLETED' and task_kind = 'DELETION' "
        "and not conflicting order by occurred_at desc limit 1"
    )
    [(failed,)] = sample_shop.query("select count(*) from outcomes where outcome = 'FAILED'")
    with running_sandbox() as sandbox:
        sample_shop.enrich(sandbox.url, completed=True, limit=failed + 20)
        later = event(1, "FAILED", product=product, task=task_id) | {"time": "2026-04-05T09:00:00Z"}
        (tmp_path / "later.json").write_text(json.dumps(later))
        load(sample_shop.warehouse, open_source(str(tmp_path / "later.json")))
        sample_shop.now = datetime(2026, 4, 6, tzinfo=UTC)
        assert sample_shop.enrich(sandbox.url).asked == 1
        assert sample_shop.enrich(sandbox.url).asked == 0


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (Behaviour(throttle_per_second=0.001, throttle_status=200), "10 times in a row"),
        (Behaviour(throttle_per_second=0.001, throttle_status=429), "10 times in a row"),
        (Behaviour(error_rate=0.999999), r"2\d lookups in a row failed"),
    ],
    ids=["throttled in 200", "throttled in 429", "broken"],
)
def test_a_run_that_fails_after_its_first_answer_stores_it_and_says_what_is_left(sample_shop, behaviour, message):
    total = sample_shop.query("select count(*) from outcomes where outcome = 'FAILED'")[0][0]
    with running_sandbox(behaviour) as sandbox, pytest.raises(TransientRemoteError, match=message) as raised:
        sample_shop.enrich(sandbox.url, client_factory=impatient)
    run = newest_run(sample_shop.warehouse)
    assert run.state == "stopped"
    assert run.counts["found"] == 1
    assert run.counts["asked"] + run.counts["not_asked"] == total
    assert f"{run.counts['not_asked']:,} tasks are left" in str(raised.value)
    stored = dict(sample_shop.query("select lookup_state, count(*) from lookups group by 1"))
    assert stored.get("failed", 0) == run.counts["failed"] == sum(run.counts["reasons"].values())
    assert stored["found"] == 1
    assert run.versions["lookups"] == sample_shop.warehouse.handle(TableName.LOOKUPS).version()


def test_answers_that_were_stored_but_never_published_are_not_asked_for_again_and_get_published(sample_shop):
    with running_sandbox() as sandbox:
        first = sample_shop.enrich(sandbox.url, limit=5)
        # What a crash between the last batch and the run's row leaves behind.
        newest_commit = max((Path(sample_shop.warehouse.uri) / "runs" / "_delta_log").glob("*.json"))
        newest_commit.unlink()
        assert newest_run(sample_shop.warehouse).kind == "load"
        before = asked_about(sandbox)
        rest = sample_shop.enrich(sandbox.url)
        assert asked_about(sandbox) - before == rest.asked == first.not_asked
    total = first.asked + rest.asked
    assert sample_shop.query("select count(*), count(distinct task_id) from lookups") == [(total, total)]
    assert (
        newest_run(sample_shop.warehouse).versions["lookups"]
        == sample_shop.warehouse.handle(TableName.LOOKUPS).version()
    )


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("expired_as", ["401", "body"])
def test_throttling_faults_and_expired_tokens_still_end_in_found(sample_shop, status, expired_as):
    behaviour = Behaviour(
        throttle_per_second=150, throttle_status=status, token_seconds=0.3, expired_as=expired_as, error_rate=0.02
    )
    with running_sandbox(behaviour) as sandbox:
        result = sample_shop.enrich(sandbox.url, client_factory=eager)
        assert result.asked == result.found + result.denied
        # On a slow machine a renewed token too has expired before its call: such a task is denied, and asked again here.
        for _ in range(20):
            if not sample_shop.query("select 1 from lookups group by task_id having bool_and(lookup_state <> 'found')"):
                break
            sample_shop.enrich(sandbox.url, client_factory=eager, retry_failed=True)
    assert result.found
    assert sample_shop.query("select count(distinct task_id) from lookups where lookup_state = 'found'") == [
        (result.asked,)
    ]
