"""Why files are deleted here and not by Delta Lake's own vacuum and log clean-up: when a test fails, try those again."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

NO_HOOKS = PostCommitHookProperties(cleanup_expired_logs=False)


def write(path: Path, mode: str = "overwrite") -> DeltaTable:
    write_deltalake(str(path), pa.table({"a": [1]}), mode=mode, post_commithook_properties=NO_HOOKS)  # type: ignore[call-overload]
    return DeltaTable(str(path))


def test_delta_vacuum_commits_again_for_files_that_are_gone(tmp_path: Path) -> None:
    for _ in range(3):
        table = write(tmp_path)
    versions = []
    for _ in range(3):
        table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True, post_commithook_properties=NO_HOOKS)
        versions.append(table.version())
        assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert versions == [4, 6, 8]


def test_delta_log_cleanup_removes_a_version_that_a_reader_may_hold(tmp_path: Path) -> None:
    write(tmp_path).alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    held = DeltaTable(str(tmp_path)).version()
    table = write(tmp_path, "append")
    table.create_checkpoint()
    for file in (tmp_path / "_delta_log").iterdir():
        os.utime(file, (0, 0))
    table.cleanup_metadata()
    with pytest.raises(DeltaError):
        DeltaTable(str(tmp_path), version=held)


def test_a_change_of_the_log_retention_fails_a_running_append(tmp_path: Path) -> None:
    running = write(tmp_path)
    DeltaTable(str(tmp_path)).alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    with pytest.raises(CommitFailedError, match="Metadata changed"):
        write_deltalake(
            running,
            pa.table({"a": [2]}),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[Transaction("writer", 1)]),
        )
