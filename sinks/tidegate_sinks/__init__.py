"""Everything that leaves the stream: ClickHouse's tables and views, and the writers to them."""
