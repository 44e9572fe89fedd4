"""The same events by archive and by S3 are stored once, whichever comes first."""

from pathlib import Path

import pytest
from support.archives import privacy, read
from support.emulator import Account
from support.events import task_of
from support.s3 import Bucket
from support.tables import fingerprints, outcomes, rows

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse, list_runs


@pytest.mark.s3
@pytest.mark.parametrize("first", ["archive", "s3"])
def test_the_same_events_by_archive_and_by_s3_are_stored_once(
    bucket: Bucket, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    from bwp_client.aws import s3_client
    from bwp_client.sources.eventbridge.aws_clients import Clients

    live = account.another_queue("firehose", {"source": [{"prefix": "aws.partner/"}]})
    events = privacy(120)
    account.put(events)
    delivered = []
    while batch := account.sqs.receive_message(QueueUrl=live, MaxNumberOfMessages=10).get("Messages"):
        delivered += [message["Body"] for message in batch]
    assert len(delivered) == 120
    bucket.client.put_object(Bucket=bucket.name, Key="p/2026/05/01/00/one", Body="".join(delivered).encode())
    for name, value in bucket.env.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    warehouse = Warehouse(str(tmp_path / "w"))
    ways = {
        "archive": lambda: read(account, warehouse, clients=Clients(account.events, account.sqs)),
        "s3": lambda: load(warehouse, open_source(f"{bucket.uri}/p/")),
    }
    other = "s3" if first == "archive" else "archive"
    assert ways[first]().stored == 120
    before = fingerprints(warehouse), outcomes(warehouse)
    again = ways[other]()
    assert (again.stored, again.duplicate) == (0, 120)
    assert (fingerprints(warehouse), outcomes(warehouse)) == before
    assert [row[0] for row in rows(warehouse, TableName.EVENTS, "task_id")] == sorted(task_of(one) for one in events)
    assert {run.kind for run in list_runs(warehouse)} == {"load", "replay"}
