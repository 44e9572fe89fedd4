"""Temporary tables of a connection."""

from contextlib import closing

import pyarrow as pa
import pytest

from bwp_client.warehouse.engine import TempTables, connect


def test_two_users_of_one_connection_never_share_a_table() -> None:
    with closing(connect()) as connection, TempTables(connection) as first, TempTables(connection) as second:
        names = first.create("rows", "select 1 as n"), second.create("rows", "select 2 as n")
        assert [connection.sql(f"from {name}").fetchall() for name in names] == [[(1,)], [(2,)]]


def test_a_label_used_again_replaces_its_table() -> None:
    with closing(connect()) as connection, TempTables(connection) as temp:
        assert temp.create("rows", "select 1 as n") == temp.create("rows", "select $n as n", {"n": 2})
        assert connection.sql(f"from {temp.create('rows', 'select 3 as n')}").fetchall() == [(3,)]


def test_the_tables_are_dropped_at_the_end() -> None:
    with closing(connect()) as connection:
        with TempTables(connection) as temp:
            temp.register("arrow", pa.table({"n": [1]}))
            temp.create("rows", "select 1 as n")
            assert len(connection.sql("from information_schema.tables").fetchall()) == 2
        assert connection.sql("from information_schema.tables").fetchall() == []


def test_a_result_left_open_does_not_hide_the_error() -> None:
    def fail() -> None:
        with closing(connect()) as connection, TempTables(connection) as temp:
            name = temp.create("rows", "select unnest(range(100000)) as n")
            reader = connection.sql(f"from {name}").to_arrow_reader(10)
            reader.read_next_batch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
