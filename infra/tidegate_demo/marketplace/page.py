"""The shop window: the catalogue as a page that a person opens, with the browser SDK as any site has it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from tidegate_demo.marketplace.settings import MarketplaceSettings
from tidegate_demo.marketplace.store import Agent

__all__ = ["shop_window"]

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Marketplace</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
li { margin: 1rem 0 }
button { font: inherit; padding: .25em .75em; cursor: pointer }
</style>
<script async src="$gateway_url/tidegate.js" data-write-key="$write_key" data-service="shop-window"
  data-release="$release" data-environment="$environment"></script>
<h1>Marketplace</h1>
<p>Agents to install and run. What you do here is in Tidegate's dashboard
seconds later: this page has the browser SDK.</p>
<ul>
$agents
</ul>
<button data-tidegate-consent>Privacy settings</button>
</html>
""")
_AGENT = Template(
    '<li><strong>$slug</strong><br>$summary<br><button data-tidegate-feature="$slug">Try it</button></li>'
)


def shop_window(settings: MarketplaceSettings, agents: Sequence[Agent]) -> str:
    """The page. A click on an agent is a use of a feature of its name."""
    return _PAGE.substitute(
        gateway_url=escape(settings.gateway_url),
        write_key=escape(settings.write_key),
        release=escape(settings.release),
        environment=escape(settings.environment),
        agents="\n".join(_AGENT.substitute(slug=escape(agent.slug), summary=escape(agent.summary)) for agent in agents),
    )
