"""`python -m benchmarks.small_objects`: 2,000 objects of 50 KB on S3: `load` against a boto3 thread pool that only reads.

The bucket is whatever the standard AWS variables and `BENCH_BUCKET` name; a local SeaweedFS will do.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import data
from benchmarks.measure import median, run

OBJECTS, SIZE, THREADS = 2_000, 50_000, 16
TRIES = 3
PREFIX = "bench/"


def main() -> None:
    """Write the objects unless they exist, then measure all contestants alternately."""
    bucket = os.environ["BENCH_BUCKET"]
    if sys.argv[1:] in (["plain"], ["bare"]):
        (_only_read if sys.argv[1:] == ["plain"] else _only_read_bare)(bucket)
        return
    with tempfile.TemporaryDirectory(prefix="bwp-bench-") as temporary:
        _write(bucket, Path(temporary))
        warehouse = Path(temporary) / "warehouse"
        plain, bare, loads = [], [], []
        for _ in range(TRIES):
            plain.append(run("-m", "benchmarks.small_objects", "plain"))
            bare.append(run("-m", "benchmarks.small_objects", "bare"))
            shutil.rmtree(warehouse, ignore_errors=True)
            source = f"s3://{bucket}/{PREFIX}"
            loads.append(run("-m", "bwp_client", "load", source, "--warehouse", str(warehouse), "--json", ok=(0, 1)))
        base = median([one.wall_seconds for one in plain])
        print("| | wall s | CPU s | × throughput of the pool |\n|---|---|---|---|")
        table = (("boto3, 16 threads, reading only", plain), ("obstore, reading only", bare), ("load", loads))
        for name, runs in table:
            wall = median([one.wall_seconds for one in runs])
            print(f"| {name} | {wall:.2f} | {median([one.cpu_seconds for one in runs]):.2f} | {base / wall:.2f} |")


def _client() -> object:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(max_pool_connections=THREADS))


def _only_read(bucket: str) -> None:
    client = _client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)  # type: ignore[attr-defined]
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    with ThreadPoolExecutor(THREADS) as pool:
        size = sum(pool.map(lambda key: len(client.get_object(Bucket=bucket, Key=key)["Body"].read()), keys))  # type: ignore[attr-defined]
    print(len(keys), size)


def _only_read_bare(bucket: str) -> None:
    """Read with the client that `load` uses and do nothing else: the fastest that this server allows."""
    import obstore
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    store = S3Store(
        bucket,
        credential_provider=Boto3CredentialProvider(),
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        client_options={"allow_http": True},
    )
    keys = [item["path"] for page in store.list(PREFIX) for item in page]
    with ThreadPoolExecutor(THREADS) as pool:
        size = sum(pool.map(lambda key: len(obstore.get(store, key).bytes()), keys))
    print(len(keys), size)


def _write(bucket: str, folder: Path) -> None:
    client = _client()
    if client.list_objects_v2(Bucket=bucket, Prefix=PREFIX, MaxKeys=1).get("KeyCount"):  # type: ignore[attr-defined]
        return
    files = sorted(data.write(folder, 300_000).iterdir())
    lines = [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)]
    bodies, body = [], b""
    for line in lines:
        body += line
        if len(body) >= SIZE:
            bodies.append(body)
            body = b""
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(
            pool.map(
                lambda number: client.put_object(  # type: ignore[attr-defined]
                    Bucket=bucket,
                    Key=f"{PREFIX}2026/11/{number // 100:02d}/part-{number:05d}.json",
                    Body=bodies[number],
                ),
                range(min(OBJECTS, len(bodies))),
            )
        )
    print(f"{min(OBJECTS, len(bodies)):,} objects written in {time.perf_counter() - started:.0f} s\n")


if __name__ == "__main__":
    main()
