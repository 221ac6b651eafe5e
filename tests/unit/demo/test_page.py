"""The marketplace's page: the browser SDK as any site has it, and no text that becomes markup."""

from pathlib import Path

from tidegate_demo.marketplace.page import shop_window
from tidegate_demo.marketplace.settings import MarketplaceSettings
from tidegate_demo.marketplace.store import Agent

SETTINGS = MarketplaceSettings.model_validate(
    {
        "database": Path("unused"),
        "gateway_url": "http://127.0.0.1:8300",
        "write_key": "key",
        "sentry_dsn": "",
        "release": '1"<2',
    }
)


def test_the_page_has_the_sdk_its_catalogue_and_a_way_back_to_the_question() -> None:
    page = shop_window(SETTINGS, [Agent(slug="sql-analyst", summary="Answers & asks")])
    assert 'src="http://127.0.0.1:8300/tidegate.js" data-write-key="key"' in page
    assert 'data-release="1&quot;&lt;2"' in page
    assert 'data-tidegate-feature="sql-analyst"' in page
    assert "Answers &amp; asks" in page
    assert "data-tidegate-consent" in page
