"""One statement that inserts a row, or rewrites it: in each dialect's own words."""

from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mysql, postgresql, sqlite


@cache
def upsert(table: Table, dialect: str, keep: tuple[str, ...] = ()) -> Any:
    """Insert whole rows; where the key is there already, rewrite all but the columns in `keep`."""
    key = list(table.primary_key.columns.keys())
    rewritten = [name for name in table.columns.keys() if name not in key and name not in keep]  # noqa: SIM118
    if dialect == "mysql":
        # Drivers send many rows of this form in one statement, which they cannot do with UPDATE.
        row = mysql.insert(table)
        return row.on_duplicate_key_update({name: row.inserted[name] for name in rewritten})
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    rows = {name: insert.excluded[name] for name in rewritten}
    return insert.on_conflict_do_update(index_elements=key, set_=rows)


@cache
def insert_new(table: Table, dialect: str) -> Any:
    """Insert rows whose unique columns are not there yet; leave the others as they are."""
    if dialect == "mysql":
        return mysql.insert(table).prefix_with("IGNORE")
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_nothing()
