"""The same load from and to a real S3 server as from and to the disk."""

from pathlib import Path

import pytest
from support.events import envelope, many, text_of, write
from support.s3 import Bucket
from support.tables import command, command_json, fingerprints, outcomes, reasons

from bwp_client.errors import SourceNotFoundError
from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

pytestmark = pytest.mark.s3


def test_s3_gives_the_same_tables_as_the_disk(bucket: Bucket, tmp_path: Path) -> None:
    folder, events = tmp_path / "in", many(1000)
    write(folder / "a.json.gz", [*events[:600], "no envelope", envelope("x", **{"detail-type": "ORDER_CREATED"})])
    write(folder / "b.json", events[500:800], "joined")
    write(folder / "c.json", events[700:], "array")
    for path in folder.iterdir():
        bucket.client.upload_file(str(path), bucket.name, f"in/2026/{path.name}")
    disk = Warehouse(str(tmp_path / "warehouse"))
    here = load(disk, open_source(str(folder)))
    source, target = f"{bucket.uri}/in/", f"{bucket.uri}/warehouse"
    there = command_json("load", source, "--warehouse", target, "--json", cwd=tmp_path, allowed=(1,), **bucket.env)
    assert (here.stored, here.duplicate, here.ignored, here.quarantined) == (1000, 200, 1, 1)
    counted = ("objects", "read", "stored", "duplicate", "ignored", "quarantined")
    assert {name: there[name] for name in counted} == {name: getattr(here, name) for name in counted}
    remote = Warehouse(target)
    assert outcomes(remote) == outcomes(disk)
    assert fingerprints(remote) == fingerprints(disk)
    assert sorted(reasons(remote)) == sorted(reasons(disk))
    again = command_json("load", source, "--warehouse", target, "--json", cwd=tmp_path, **bucket.env)
    assert (again["objects"], again["read"], again["stored"]) == (0, 0, 0)
    day = ("metric", "failure_rate", "--by", "week", "--format", "json", "--warehouse")
    assert command_json(*day, target, cwd=tmp_path, **bucket.env) == command_json(*day, disk.uri, cwd=tmp_path)


def test_a_wrong_secret_ends_with_exit_code_3(bucket: Bucket, tmp_path: Path) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="in/a.json", Body=b"{}")
    env = bucket.env | {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}
    local = str(tmp_path / "warehouse")
    for arguments in (
        ("load", f"{bucket.uri}/in/", "--warehouse", local),
        ("load", str(write(tmp_path / "a.json", [envelope("t-1")])), "--warehouse", f"{bucket.uri}/warehouse"),
    ):
        done = command(*arguments, cwd=tmp_path, **env)
        assert done.returncode == 3, done.stderr
        assert "S3 refused" in done.stderr
        assert "Traceback" not in done.stderr
        assert "wrong-secret" not in done.stderr


def test_a_missing_bucket_is_the_users_to_mend(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        load(Warehouse(str(tmp_path / "warehouse")), open_source("s3://no-such-bucket-here/in/"))


def test_an_empty_prefix_needs_attention(bucket: Bucket, tmp_path: Path) -> None:
    done = command(
        "load", f"{bucket.uri}/nothing/", "--warehouse", str(tmp_path / "w"), "--json", cwd=tmp_path, **bucket.env
    )
    assert done.returncode == 1, done.stderr
    assert "holds no objects" in done.stderr


def test_only_an_overwritten_object_is_read_again(bucket: Bucket, tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    for name, tasks in (("a", ["t-1"]), ("b", ["t-2"])):
        path = write(tmp_path / name, [envelope(task) for task in tasks])
        bucket.client.upload_file(str(path), bucket.name, f"in/{name}")
    source = f"{bucket.uri}/in/"
    assert load(warehouse, open_source(source)).stored == 2
    path = write(tmp_path / "b", [envelope("t-2"), envelope("t-3")])
    bucket.client.upload_file(str(path), bucket.name, "in/b")
    again = load(warehouse, open_source(source))
    assert (again.objects, again.read, again.stored, again.duplicate) == (1, 2, 1, 1)


ODD_KEYS = [
    "in/plain.json", "in/sp ace.json", "in/quo'te\".json", "in/pct%20x.json", "in/til~de.json", "in/plus+.json",
    "in/é.json", "in/a*b?c#d.json", "in/..hidden/x.json", "in/a=b,c@d:e!(1).json", "in/&amp;<x>.json", "in-beside/x.json",
]  # fmt: skip


@pytest.mark.parametrize("worse", [[], ["in/new\nline.json"]])
def test_every_key_is_listed_and_read_whatever_it_looks_like(bucket: Bucket, tmp_path: Path, worse: list[str]) -> None:
    keys = [*ODD_KEYS, *worse]
    for place, key in enumerate(keys):
        body = text_of([envelope(f"t-{place}")])
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body)
    bucket.client.put_object(Bucket=bucket.name, Key="in/marker/", Body=b"")
    bucket.client.put_object(Bucket=bucket.name, Key="in/empty.json", Body=b"")
    bucket.client.put_object(Bucket=bucket.name, Key="other/x.json", Body=text_of([envelope("elsewhere")]))
    source = open_source(f"{bucket.uri}/in")
    assert sorted(item.uri for item in source.objects()) == sorted(
        f"{bucket.uri}/{key}" for key in [*keys, "in/empty.json"]
    )
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    loaded = load(warehouse, source)
    assert (loaded.objects, loaded.read, loaded.stored) == (len(keys) + 1, len(keys), len(keys))
    again = load(warehouse, source)
    assert (again.objects, again.read) == (0, 0)
