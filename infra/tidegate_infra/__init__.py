"""How Tidegate runs: settings, command line, supervisor, and the embedded broker and ClickHouse."""
