"""Shopify's webhooks: signed by either secret, each once, two shops beside each other, nothing kept that is not signed."""
import json

import pytest

from availability.v1 import operations_service_pb2

from support import PATIENCE
from support.api import Api, new_name
from support.reservations import Holder, wanted
from support.server import SMALL, eventually
from support.webhooks import Sender, shopify_headers, text_time

PATH = "/webhooks/shopify"


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """A server with two shops on one path: the first is rotating its secret, the second tells safety stock."""
    from support.server import Server
    folder = tmp_path_factory.mktemp("shopify")
    for name in ["old", "new", "second"]:
        (folder / name).write_text(f"secret-{name}\n")
    server = Server(folder, configuration=SMALL + f"""
feeds:
  shop-1:
    kind: shopify
    source: shop-1
    shop: one.myshopify.com
    secret_files: ['{folder}/old', '{folder}/new']
    map: {{skus: {{"808950810": SHIRT, "1": MUG}}, locations: {{"655441491": WH1}}}}
  shop-2:
    kind: shopify
    source: shop-2
    shop: two.myshopify.com
    secret_files: ['{folder}/second']
    available_as: safety_stock
    map: {{skus: {{"77": SHIRT-2}}, locations: {{"655441491": WH2}}}}
""")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def api(fed):
    return Api(fed.channel())


def level(item=808950810, location=655441491, available=12, time=None):
    told = {"inventory_item_id": item, "location_id": location, "available": available,
            "updated_at": time or text_time(), "admin_graphql_api_id": "gid://shopify/InventoryLevel/1"}
    return json.dumps(told).encode()


def send(server, body, secret="secret-new", topic="inventory_levels/update", **options):
    headers = shopify_headers(topic, body, secret, **options)
    return Sender(server, PATH).request("POST", {**headers, "Prefer": "return=representation"}, body)


def test_level_sets_the_figure_by_either_secret(api, fed):
    for secret, figure in [("secret-old", 12), ("secret-new", 9)]:
        assert send(fed, level(available=figure), secret).results == [("APPLIED", "")]
        assert api.position("SHIRT").position.on_hand == figure


def test_repeated_delivery_takes_effect_once(api, fed):
    body, id = level(item=1, available=3), new_name()
    assert send(fed, body, id=id).results == [("APPLIED", "")]
    assert send(fed, level(item=1, available=5)).results == [("APPLIED", "")]
    assert send(fed, body, "secret-old", id=id).results == [("DUPLICATE", "")]
    assert api.position("MUG").position.on_hand == 5


def test_unsigned_bodies_leave_no_trace(api, fed):
    applied = api.source("shop-1").counters if api.source("shop-1") else None
    total = api.operations.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).total
    body = level(available=999)
    assert send(fed, body, "secret-wrong").status == 401
    assert send(fed, body, "secret-second").status == 401
    assert send(fed, body, shop="three.myshopify.com").status == 401
    headers = shopify_headers("inventory_levels/update", body, "secret-new")
    assert Sender(fed, PATH).request("POST", headers, body.replace(b"999", b"998")).status == 401
    for code in [None, "", "AAAA", "not base64 at all"]:
        changed = {**headers, "X-Shopify-Hmac-SHA256": code} if code is not None else {
            name: value for name, value in headers.items() if name != "X-Shopify-Hmac-SHA256"}
        assert Sender(fed, PATH).request("POST", changed, body).status == 401
    after = api.source("shop-1").counters if api.source("shop-1") else None
    assert after == applied
    assert api.operations.ListDeadLetters(
        operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).total == total


def test_what_is_not_mapped_is_a_dead_letter_that_names_it(api, fed):
    assert send(fed, level(item=5)).results == [
        ("DEAD_LETTERED", "INVALID_FIELD: inventory_item_id: the map has no sku for 5")]
    assert send(fed, level(location=6)).results == [
        ("DEAD_LETTERED", "INVALID_FIELD: location_id: the map has no location for 6")]
    assert send(fed, b"[]").results == [("DEAD_LETTERED", "INVALID_FIELD: body: is no JSON object")]


def test_other_topics_are_answered_and_counted(fed):
    answer = send(fed, b"{}", topic="products/update")
    assert answer.status == 200
    assert fed.metric("availability_feed_ignored_total", feed="shop-1") == 1


def test_shops_share_a_path_and_nothing_else(api, fed):
    body = level(item=77, available=4)
    assert send(fed, body, "secret-second", shop="Two.MyShopify.com").results == [("APPLIED", "")]
    assert api.position("SHIRT-2", "WH2").position.safety_stock == 4
    assert send(fed, body, "secret-new", shop="two.myshopify.com").status == 401
    assert send(fed, level(item=77)).results[0][0] == "DEAD_LETTERED"


def test_cancelled_order_releases_its_hold(api, fed):
    send(fed, level(available=50))
    Holder(fed.channel()).create("web", wanted("SHIRT", 3, "WH1"), order_reference="820982911946154508")
    assert api.position("SHIRT").position.reserved == 3
    order = {"id": 820982911946154508, "name": "#9999", "cancelled_at": text_time(), "line_items": []}
    body = json.dumps(order).encode()
    assert send(fed, body, topic="orders/cancelled").results == [("APPLIED", "")]
    eventually(lambda: api.position("SHIRT").position.reserved == 0, "the hold returned")
    body = json.dumps({"id": 1, "cancelled_at": text_time()}).encode()
    assert send(fed, body, topic="orders/cancelled").status == 200


def test_missing_id_and_other_methods(fed):
    body = level()
    headers = shopify_headers("inventory_levels/update", body, "secret-new")
    del headers["X-Shopify-Webhook-Id"]
    assert Sender(fed, PATH).request("POST", headers, body).status == 400
    answer = Sender(fed, PATH).request("GET", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_paused_shop_does_not_hold_up_the_other(api, fed):
    api.operations.PauseFeed(operations_service_pb2.PauseFeedRequest(id="shop-1", reason="test"), timeout=PATIENCE)
    answer = eventually(lambda: (a := send(fed, level())).status == 503 and a, "a paused feed")
    assert int(answer.headers["Retry-After"]) > 0
    assert send(fed, level(item=77), "secret-second", shop="two.myshopify.com").status == 200
    api.operations.ResumeFeed(operations_service_pb2.ResumeFeedRequest(id="shop-1"), timeout=PATIENCE)
    eventually(lambda: send(fed, level()).status == 200, "the feed at work")


def test_mended_map_mends_its_dead_letters(new_server, tmp_path):
    (tmp_path / "secret").write_text("secret-new")

    def configuration(skus):
        return SMALL + f"""
feeds:
  shop: {{kind: shopify, source: shop, shop: one.myshopify.com, secret_files: ['{tmp_path}/secret'],
          map: {{skus: {skus}, locations: {{"655441491": WH1}}}}}}
"""
    server = new_server(configuration=configuration('{"1": MUG}')).start()
    assert send(server, level(available=7)).results[0][0] == "DEAD_LETTERED"
    server.configuration = configuration('{"808950810": SHIRT}')
    server.restart()
    operations = Api(server.channel()).operations
    letter, = operations.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).dead_letters
    operations.ReplayDeadLetters(operations_service_pb2.ReplayDeadLettersRequest(ids=[letter.id]), timeout=PATIENCE)
    assert Api(server.channel()).position("SHIRT").position.on_hand == 7
    assert operations.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).total == 0
