"""The ClickHouse engine (chDB), owned by one process that answers as a ClickHouse server does over HTTP."""
