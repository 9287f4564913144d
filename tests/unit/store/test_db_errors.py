"""Errors of the database become errors of the store that a person can act on."""

from __future__ import annotations

import psycopg
import pytest

from retake_flow.errors import StoreAway, StoreError
from retake_flow.store.sql.db_errors import as_store_errors

PLACE = "postgresql://server/runs"


def test_what_a_role_may_not_do_is_told_with_who_can_grant_it() -> None:
    """Also when the driver was used directly, as for a beat."""
    with (
        pytest.raises(StoreError, match="cannot be used: permission denied for table runs") as refused,
        as_store_errors(PLACE),
    ):
        raise psycopg.errors.InsufficientPrivilege("permission denied for table runs\nLINE 1")
    assert not isinstance(refused.value, StoreAway)
    assert "retake-flow store prepare" in refused.value.hint


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the connection is lost"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction"),
        psycopg.errors.IdleInTransactionSessionTimeout("terminating connection due to idle-in-transaction timeout"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_a_driver_cannot_reach_is_away(error: Exception) -> None:
    """So that the call is made again."""
    with pytest.raises(StoreAway, match=f"cannot be reached: {error}"), as_store_errors(PLACE):
        raise error


def test_errors_that_are_not_of_the_database_pass() -> None:
    """They are mistakes of ours."""
    with pytest.raises(LookupError), as_store_errors(PLACE):
        raise LookupError
