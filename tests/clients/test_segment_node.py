"""Segment's and RudderStack's Node clients."""

import json
from urllib.parse import urlsplit

import pytest
from tests.clients.lossy_link import LossyLink
from tests.clients.node_workspace import NodeWorkspace
from tests.clients.segment_script import DUPLICATES, Script, check
from tests.clients.stack import Stack

pytestmark = [pytest.mark.clients, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

SCRIPTS = ["segment_node.mjs", "rudder_node.mjs"]


@pytest.mark.parametrize(("name", "gzip"), [(SCRIPTS[0], False), (SCRIPTS[1], True), (SCRIPTS[1], False)])
def test_every_call_is_found_once(stack: Stack, node: NodeWorkspace, mark: str, name: str, gzip: bool) -> None:
    script = Script(mark)
    failures = node.run(name, url=stack.gateway_url, key=stack.write_key, gzip=gzip, **script.facts)
    assert failures == []
    check(stack, script)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_batch_counts_once_whose_answer_died_with_the_gateway(
    stack: Stack, node: NodeWorkspace, mark: str, name: str
) -> None:
    script, link = Script(mark), LossyLink(int(urlsplit(stack.gateway_url).port or 0), lambda: stack.kill("gateway"))
    (before,) = stack.rows(DUPLICATES)
    link.lose(1)
    client = node.start(name, url=link.url, key=stack.write_key, gzip=True, **script.facts)
    assert link.all_lost.wait(60), client.communicate(timeout=60)
    stack.start("gateway")
    out, err = client.communicate(timeout=90)
    link.close()
    assert (client.returncode, json.loads(out)) == (0, []), err
    assert [answer.split()[1] for answer in link.lost] == [b"200"]
    check(stack, script)
    (after,) = stack.rows(DUPLICATES)
    assert after["copies"] > before["copies"]
