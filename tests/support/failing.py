"""A warehouse that fails at one step, as a process that is stopped there would."""

from typing import Any

from bwp_client.warehouse import TableName, Warehouse


class StoppedError(Exception):
    """The step that fails."""


class Failing(Warehouse):
    """Fails once, before or after the commit to one table."""

    def __init__(self, uri: str, table: TableName, *, after: bool) -> None:
        super().__init__(uri)
        self._table, self._after = table, after

    def commit(self, table: TableName, *args: Any, **options: Any) -> int:
        if table is self._table and not self._after:
            raise StoppedError
        version = super().commit(table, *args, **options)
        if table is self._table:
            raise StoppedError
        return version
