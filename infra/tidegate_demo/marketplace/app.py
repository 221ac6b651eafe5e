"""The marketplace's HTTP interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from tidegate_demo.marketplace.agents import Behaviour
from tidegate_demo.marketplace.page import shop_window
from tidegate_demo.marketplace.product_events import ProductEvents
from tidegate_demo.marketplace.settings import MarketplaceSettings
from tidegate_demo.marketplace.store import (
    Account,
    Agent,
    Install,
    find_account,
    find_agent,
    installed_slugs,
    open_store,
)
from tidegate_demo.marketplace.telemetry import instrument, start_telemetry

router = APIRouter()


class Credentials(BaseModel):
    """Who registers or logs in."""

    email: str


def create_app(settings: MarketplaceSettings) -> FastAPI:
    """The service, with its clients started."""
    telemetry = start_telemetry(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(telemetry.shutdown)

    app = FastAPI(title="Marketplace", lifespan=lifespan)
    app.state.telemetry = telemetry
    app.state.settings = settings
    app.state.engine = open_store(settings.database)
    app.state.events = ProductEvents(telemetry.segment, telemetry.sites, settings)
    app.state.behaviour = Behaviour(settings.seed)
    app.include_router(router)
    instrument(app, app.state.engine, telemetry)
    return app


def _session(request: Request) -> Iterator[Session]:
    with Session(request.app.state.engine) as session:
        yield session


def _events(request: Request) -> ProductEvents:
    events: ProductEvents = request.app.state.events
    return events


def _user(request: Request) -> int:
    user = request.headers.get("x-user-id", "")
    if not user.isdecimal():
        raise HTTPException(401, "log in first: header x-user-id is missing")
    return int(user)


Database = Annotated[Session, Depends(_session)]
Events = Annotated[ProductEvents, Depends(_events)]
User = Annotated[int, Depends(_user)]


def _agent(session: Session, slug: str) -> Agent:
    agent = find_agent(session, slug)
    if agent is None:
        raise HTTPException(404, f"no agent named {slug!r}")
    return agent


@router.get("/", response_class=HTMLResponse)
def window(request: Request, session: Database) -> str:
    """The catalogue as a page for people."""
    return shop_window(request.app.state.settings, session.scalars(select(Agent)).all())


@router.get("/agents")
def browse(request: Request, session: Database, events: Events) -> list[dict[str, str]]:
    """The catalogue."""
    events.viewed(request, "Browse")
    return [{"slug": agent.slug, "summary": agent.summary} for agent in session.scalars(select(Agent))]


@router.get("/agents/{slug}")
def show(request: Request, slug: str, session: Database, events: Events) -> dict[str, str]:
    """One agent's page."""
    agent = _agent(session, slug)
    events.viewed(request, "Agent")
    return {"slug": agent.slug, "summary": agent.summary}


@router.post("/register", status_code=201)
def register(request: Request, body: Credentials, session: Database, events: Events) -> dict[str, str]:
    """Make an account."""
    if find_account(session, body.email):
        raise HTTPException(409, "this e-mail address has an account")
    account = Account(email=body.email)
    session.add(account)
    session.commit()
    events.registered(request, str(account.id), body.email)
    return {"user_id": str(account.id)}


@router.post("/login")
def login(request: Request, body: Credentials, session: Database, events: Events) -> dict[str, str]:
    """Sign in on this device."""
    account = find_account(session, body.email)
    if account is None:
        raise HTTPException(401, "no such account")
    events.logged_in(request, str(account.id))
    return {"user_id": str(account.id)}


@router.get("/me/installs")
def installs(user: User, session: Database) -> list[str]:
    """The signed-in user's agents."""
    return installed_slugs(session, user)


@router.post("/agents/{slug}/install", status_code=201)
def install(request: Request, slug: str, user: User, session: Database, events: Events) -> dict[str, str]:
    """Install an agent; again is no error."""
    agent = _agent(session, slug)
    session.merge(Install(account_id=user, agent_id=agent.id))
    session.commit()
    events.installed(request, slug)
    return {"installed": slug}


@router.post("/agents/{slug}/runs", dependencies=[Depends(_user)])
async def run(request: Request, slug: str, events: Events) -> dict[str, str]:
    """Run an agent, which may be slow, and may fail."""
    course = request.app.state.behaviour.next_course()
    await asyncio.sleep(course.seconds)
    events.ran(request, slug, success=course.error is None, seconds=course.seconds)
    if course.error is not None:
        raise course.error
    return {"ran": slug}


@router.get("/_counts")
def counts(request: Request) -> dict[str, Any]:
    """What was handed to the clients so far; not traced itself."""
    report: dict[str, Any] = request.app.state.telemetry.sites.report()
    return report


@router.get("/_acknowledged")
def acknowledged(request: Request, since: int = 0) -> dict[str, Any]:
    """Kinds and keys of the events that the gateway took, from a number on; those before it are forgotten."""
    following, keys = request.app.state.telemetry.acknowledged.since(since)
    return {"next": following, "keys": keys}


@router.post("/_close")
def close(request: Request) -> dict[str, Any]:
    """Flush and end the clients; the final counts. Nothing is sent after it."""
    request.app.state.telemetry.shutdown()
    return counts(request)
