"""Tables and queries of the marketplace."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, ForeignKey, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import QueuePool

CATALOGUE = (
    ("invoice-reader", "Reads invoices and books them"),
    ("meeting-notes", "Writes the minutes while you talk"),
    ("code-reviewer", "Finds the bug before your colleague does"),
    ("travel-planner", "Plans a trip within a budget"),
    ("support-triage", "Sorts tickets by urgency"),
    ("sql-analyst", "Answers questions from a warehouse"),
)


class Base(DeclarativeBase):
    """Declarative base."""


class Agent(Base):
    """Something to install and run."""

    __tablename__ = "agents"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    summary: Mapped[str]


class Account(Base):
    """A registered user."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


class Install(Base):
    """An agent installed by an account."""

    __tablename__ = "installs"
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), primary_key=True)


def open_store(path: Path) -> Engine:
    """Open the database, with its tables and its catalogue of agents."""
    engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, pool_size=4, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _fast(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("pragma journal_mode=wal")
        cursor.execute("pragma synchronous=normal")
        cursor.close()

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        if not session.scalar(select(func.count()).select_from(Agent)):
            session.add_all(Agent(slug=slug, summary=summary) for slug, summary in CATALOGUE)
            session.commit()
    return engine


def find_agent(session: Session, slug: str) -> Agent | None:
    """The agent with this slug."""
    return session.scalar(select(Agent).where(Agent.slug == slug))


def find_account(session: Session, email: str) -> Account | None:
    """The account with this e-mail address."""
    return session.scalar(select(Account).where(Account.email == email))


def installed_slugs(session: Session, account_id: int) -> list[str]:
    """Slugs of the account's agents, sorted."""
    rows = session.scalars(
        select(Agent.slug).join(Install, Install.agent_id == Agent.id).where(Install.account_id == account_id)
    )
    return sorted(rows)
