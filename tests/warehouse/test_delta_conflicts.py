"""Conflicts that Delta Lake does not find, and the way round each: when a test fails, the way round can go."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

ROWS = 3
NEW = pa.table({"a": [100]})


@pytest.fixture
def two_handles(tmp_path: Path) -> tuple[DeltaTable, DeltaTable]:
    for number in range(ROWS):
        write_deltalake(str(tmp_path), pa.table({"a": [number]}), mode="append")
    return DeltaTable(str(tmp_path)), DeltaTable(str(tmp_path))


def rows_in(table: DeltaTable) -> int:
    return DeltaTable(table.table_uri).to_pyarrow_table().num_rows


def test_two_compactions_at_once_double_every_row(two_handles: tuple[DeltaTable, DeltaTable]) -> None:
    first, second = two_handles
    first.optimize.compact()
    second.optimize.compact()
    assert rows_in(first) == 2 * ROWS


def test_a_change_of_the_metadata_makes_the_other_compaction_fail(two_handles: tuple[DeltaTable, DeltaTable]) -> None:
    first, second = two_handles
    first.alter.set_table_properties({"by": "first"}, raise_if_not_exists=False)
    first.optimize.compact()
    with pytest.raises(CommitFailedError):
        second.alter.set_table_properties({"by": "second"}, raise_if_not_exists=False)
    with pytest.raises(CommitFailedError):
        second.optimize.compact()
    assert rows_in(first) == ROWS


def test_an_overwrite_without_a_predicate_keeps_what_was_compacted_meanwhile(
    two_handles: tuple[DeltaTable, DeltaTable],
) -> None:
    first, second = two_handles
    first.optimize.compact()
    write_deltalake(second, NEW, mode="overwrite")
    assert rows_in(first) == ROWS + 1


def test_an_overwrite_of_all_rows_conflicts_with_a_compaction(two_handles: tuple[DeltaTable, DeltaTable]) -> None:
    first, second = two_handles
    first.optimize.compact()
    with pytest.raises(CommitFailedError):
        write_deltalake(second, NEW, mode="overwrite", predicate="true")
