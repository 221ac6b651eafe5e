"""The error tree of the dashboards: one class per failure."""

from tidegate_schemas.errors import TidegateError

__all__ = [
    "ClickHouseAwayError",
    "DashboardError",
    "NotMigratedError",
    "NotifyError",
    "QueryError",
    "QueryFileError",
    "RuleError",
    "UnknownQueryError",
]


class DashboardError(TidegateError):
    """Root of every error that the dashboards raise on purpose."""


class QueryFileError(DashboardError):
    """A .sql file lacks its description or can't be read."""


class UnknownQueryError(DashboardError):
    """Nothing in the catalogue has the name that was asked for."""


class QueryError(DashboardError):
    """ClickHouse answered a query with an error."""


class NotMigratedError(QueryError):
    """ClickHouse is there, but Tidegate's database, tables or views are not (yet)."""


class ClickHouseAwayError(DashboardError):
    """ClickHouse can't be reached, or did not answer in time: worth another try."""


class RuleError(DashboardError):
    """An alert rule file can't be read, or a rule in it is invalid."""


class NotifyError(DashboardError):
    """A webhook did not take a notification, after all retries."""
