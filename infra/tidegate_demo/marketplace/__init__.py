"""The web service: FastAPI on SQLAlchemy and SQLite, instrumented with public clients only."""
