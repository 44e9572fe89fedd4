"""Objects that are deleted between their listing and their reading are counted and named, and the rest is loaded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.events import envelope, write
from support.s3 import Bucket
from typer.testing import CliRunner

from bwp_client.cli.app import app
from bwp_client.load import load
from bwp_client.sources import FileSource, SourceObject
from bwp_client.sources.s3 import S3Source
from bwp_client.warehouse import TableName, Warehouse


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of five files of which two are deleted once they are listed."""
    source = tmp_path / "events"
    for number in range(5):
        write(source / f"{number}.json", [envelope(f"t-{number}")])
    objects, listings = FileSource.objects, []

    def deleting(self: FileSource) -> Iterator[SourceObject]:
        # The command lists the folder once to decide about worker processes, and once to load it.
        listings.append(list(objects(self)))
        listed = listings[0 if len(listings) <= 2 else -1]
        for number in (1, 3):
            (source / f"{number}.json").unlink(missing_ok=True)
        yield from listed

    monkeypatch.setattr(FileSource, "objects", deleting)
    return source


def test_the_rest_is_loaded_and_the_exit_code_asks_for_attention(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    arguments = ["load", str(folder), "--warehouse", str(warehouse)]
    first = CliRunner().invoke(app, [*arguments, "--json"])
    assert first.exit_code == 1
    result = json.loads(first.stdout)
    assert (result["objects"], result["stored"], result["deleted"]) == (3, 3, 2)
    assert "2 objects were deleted or moved after they were listed, and were not read" in first.stderr
    assert str(folder / "1.json") in first.stderr
    (run,) = Warehouse(str(warehouse)).handle(TableName.RUNS).to_pyarrow_table().to_pylist()
    assert run["state"] == "finished"
    again = CliRunner().invoke(app, arguments)
    assert (again.exit_code, "deleted" in again.stderr) == (0, False)


@pytest.mark.s3
def test_an_object_of_a_bucket_too(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(3):
        body = json.dumps(envelope(f"t-{number}")).encode()
        bucket.client.put_object(Bucket=bucket.name, Key=f"events/{number}.json", Body=body)

    class Deleting(S3Source):
        def objects(self) -> Iterator[SourceObject]:
            listed = list(super().objects())
            bucket.client.delete_object(Bucket=bucket.name, Key="events/1.json")
            yield from listed

    result = load(Warehouse(str(tmp_path / "warehouse")), Deleting(f"{bucket.uri}/events/"))
    assert (result.stored, result.deleted) == (2, 1)
    assert result.deleted_names == [f"{bucket.uri}/events/1.json"]
