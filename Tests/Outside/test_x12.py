"""X12 846 files from the folder to the positions, through the real server."""
import grpc
import pytest

from support import ROOT
from support.api import Api, failure_of
from support.server import SMALL, eventually, run

FEED = """
feeds:
  supplier:
    kind: files
    source: supplier
    folder: %s
    format: x12_846
    settle: 0s
    poll_every: 100ms
    map:
      locations: {"001": WH1, "002": WH2}
      unlisted_locations: refuse
    partner:
      sender: SUPPLIER
      sku_qualifiers: [SK, VP]
      quantity_qualifiers: {"33": on_hand, "74": damaged}
      location: n1
      date_qualifiers: ["405"]
      expected_qualifiers: ["018"]
"""


def interchange(*lines, number=1, sender="SUPPLIER", heading=("N1*WH*Main*92*001",)):
    """A file of one message; its lines are LIN loops of segments apart by blanks."""
    segments = ["ST*846*0001", "BIA*00*SI*1*20260301", "DTM*405*20260301*1200*UT", *heading]
    segments += [segment for line in lines for segment in line.split(" ")]
    segments += [f"CTT*{len(lines)}", f"SE*{len(segments) + 2}*0001"]
    head = f"ISA*00*          *00*          *ZZ*{sender:15}*ZZ*DISTRIBUTOR    *260301*1205*^*00501*{number:09}*0*P*>"
    group = [f"GS*IB*{sender}*DISTRIBUTOR*20260301*1205*{number}*X*005010", *segments, f"GE*1*{number}"]
    return "~\n".join([head, *group, f"IEA*1*{number:09}", ""])


class Folder:
    """The watched folder and the server that watches it."""

    def __init__(self, make, path, partner="", **options):
        path.mkdir()
        self.path = path
        self.server = make(configuration=SMALL + FEED % path + partner, **options)
        self.server.start()
        self.api = Api(self.server.channel())

    def drop(self, name, text):
        """Puts a file in and waits until it is dealt with; returns the folder it went to."""
        (self.path / f"{name}.part").write_bytes(text if isinstance(text, bytes) else text.encode())
        (self.path / f"{name}.part").rename(self.path / name)
        return eventually(lambda: next((outcome for outcome in ["done", "failed"]
                                        if (self.path / outcome / name).exists()), None), f"the end of {name}")

    def errors(self, name):
        path = self.path / "failed" / f"{name}.errors"
        return eventually(lambda: path.exists() and path.read_text().splitlines(), f"the errors of {name}")

    def on_hand(self, sku, location="WH1"):
        return self.api.position(sku, location).position.on_hand

    def lots(self, sku, location="WH1"):
        """`on_hand` of the whole, and of each part by its lot."""
        told = self.api.position(sku, location)
        return told.position.on_hand, {part.lot: part.position.on_hand for part in told.lots}

    def is_unknown(self, sku, location="WH1"):
        return failure_of(self.api.position, sku, location).code == grpc.StatusCode.NOT_FOUND

    @property
    def counters(self):
        return self.api.source("supplier").counters


@pytest.fixture
def folder(new_server, tmp_path):
    return Folder(new_server, tmp_path / "in")


def test_message_in_the_folder_becomes_positions(folder):
    message = interchange("LIN**SK*A-1 QTY*33*120*EA QTY*74*2*EA", "LIN**VP*A-2 N1*WH*Other*92*002 QTY*33*7")
    assert folder.drop("stock.edi", message) == "done"
    assert folder.on_hand("A-1") == 120 and folder.api.position("A-1").position.damaged == 2
    assert folder.on_hand("A-2", "WH2") == 7


def test_bad_line_becomes_a_dead_letter_and_the_others_are_applied(folder):
    message = interchange("LIN**SK*B-1 QTY*33*5", "LIN**SK*B-2 QTY*33*12.5*EA", "LIN**SK*B-3 N1*WH*X*92*009 QTY*33*1",
                          "LIN**SK*B-4 QTY*33*9*CS", "LIN**SK*B-5 QTY*33*6")
    assert folder.drop("bad.edi", message) == "failed"
    assert folder.on_hand("B-1") == 5 and folder.on_hand("B-5") == 6
    assert all(folder.is_unknown(sku) for sku in ["B-2", "B-3", "B-4"])
    errors = folder.errors("bad.edi")
    assert [int(row.split(",")[0]) for row in errors] == [9, 11, 14]
    for row, problem in zip(errors, [
            'line 10, segment 8 (QTY): QTY02: ""12.5"" is no whole number of units',
            'line 12, segment 10 (N1): the feed\'s map has no location for ""009""',
            'line 15, segment 13 (QTY): QTY03: the unit is ""CS"", expected EA']):
        assert "INVALID_FIELD: " + problem in row
    assert folder.counters.dead_lettered == 3


@pytest.mark.parametrize("damage, problem", [
    (lambda text: text[:len(text) // 2], "line "),
    (lambda text: text[:text.index("SE*")], "the file ends within a transaction set: SE is missing"),
    (lambda text: text.replace("CTT*2", "CTT*3"), 'CTT01: ""3"" line items, but they are 2'),
    (lambda text: text.replace("GE*1*1", "GE*1*2"), 'GE02: ""2"", but GS06 is ""1""'),
    (lambda text: text.replace("*0*P*>", "*0*T*>"), "T marks a test"),
    (lambda text: text.replace("SUPPLIER ", "SOMEBODY "), "expected SUPPLIER"),
    (lambda text: "sku,quantity\nA,1\n", "an interchange begins with ISA"),
    (lambda text: "", "has no transaction set 846"),
], ids=["cut", "cut-before-SE", "items", "control-number", "test", "sender", "no-x12", "empty"])
def test_damaged_file_publishes_nothing_at_all(folder, damage, problem):
    message = interchange("LIN**SK*C-1 QTY*33*5", "LIN**SK*C-2 QTY*33*6")
    assert folder.drop("damaged.edi", damage(message)) == "failed"
    row, = folder.errors("damaged.edi")
    assert problem in row
    assert folder.is_unknown("C-1") and folder.is_unknown("C-2")


def test_message_dropped_twice_takes_effect_once_and_a_later_one_replaces_it(folder):
    first = interchange("LIN**SK*D-1 QTY*33*5")
    assert folder.drop("one.edi", first) == "done"
    # The same message, written otherwise.
    assert folder.drop("again.edi", first.replace("~\n", "~\r\n")) == "done"
    assert (folder.counters.applied, folder.counters.duplicate) == (1, 1)
    later = interchange("LIN**SK*D-1 QTY*33*4", number=2).replace("*1200*UT", "*1300*UT")
    assert folder.drop("two.edi", later) == "done"
    assert folder.on_hand("D-1") == 4
    # An earlier time never wins, however late it comes.
    assert folder.drop("three.edi", interchange("LIN**SK*D-1 QTY*33*9", number=3)) == "done"
    assert folder.on_hand("D-1") == 4


def test_lots_are_figures_of_their_own_under_the_whole(new_server, tmp_path):
    folder = Folder(new_server, tmp_path / "in", partner="      lot: ref\n")
    lots = "LIN**SK*L-1 QTY*33*60*EA QTY*74*2*EA REF*LT*{} QTY*33*40*EA REF*LT*{}"
    assert folder.drop("first.edi", interchange(lots.format("A", "B"), "LIN**SK*L-2 QTY*33*5*EA")) == "done"
    assert folder.lots("L-1") == (100, {"": 0, "A": 60, "B": 40}) and folder.on_hand("L-2") == 5
    assert folder.api.position("L-1").position.damaged == 2
    # What a later message leaves out stays as it was told.
    later = interchange("LIN**SK*L-1 QTY*33*0*EA REF*LT*B QTY*33*7*EA", number=2).replace("*1200*UT", "*1300*UT")
    assert folder.drop("later.edi", later) == "done"
    assert folder.lots("L-1") == (67, {"": 7, "A": 60, "B": 0})


def test_lots_of_the_line_are_told_apart_by_message_and_refused_when_told_twice(new_server, tmp_path):
    folder = Folder(new_server, tmp_path / "in", partner="      lot: lin\n")
    message = interchange("LIN**SK*L-3*LT*A QTY*33*6", "LIN**SK*L-3*LT*B QTY*33*4", "LIN**SK*L-3*LT*A QTY*33*1")
    assert folder.drop("lots.edi", message) == "failed"
    assert folder.lots("L-3") == (10, {"": 0, "A": 6, "B": 4})
    row, = folder.errors("lots.edi")
    assert "lot A of L-3 at WH1 was told of before in this transaction set" in row


def test_several_interchanges_in_a_file_are_all_taken(folder):
    both = interchange("LIN**SK*E-1 QTY*33*1") + interchange("LIN**SK*E-2 QTY*33*2", number=2).replace("*", "|")
    assert folder.drop("both.edi", both) == "done"
    assert folder.on_hand("E-1") == 1 and folder.on_hand("E-2") == 2


def test_kill_in_the_middle_of_a_file_loses_and_repeats_nothing(folder):
    skus = [f"F-{number}" for number in range(5_000)]
    message = interchange(*(f"LIN**SK*{sku} QTY*33*{number + 1}" for number, sku in enumerate(skus)))
    (folder.path / "long.part").write_text(message)
    (folder.path / "long.part").rename(folder.path / "long.edi")
    eventually(lambda: folder.api.source("supplier"), "the first events")
    folder.server.kill()
    folder.server.start()
    folder.api = Api(folder.server.channel())
    eventually((folder.path / "done" / "long.edi").exists, "the end of the file")
    assert [folder.on_hand(sku) for sku in skus[::500] + skus[-1:]] == list(range(1, 5_001, 500)) + [5_000]


def test_example_is_read_by_the_map_of_the_documentation(folder):
    example = (ROOT / "Examples" / "feeds" / "supplier-846.edi").read_text()
    assert folder.drop("supplier-846.edi", example) == "failed"
    assert folder.on_hand("SKU-000001") == 120 and folder.on_hand("SKU-000002") == 0
    # Two snapshots and a supply.
    assert folder.counters.applied == 3
    row, = folder.errors("supplier-846.edi")
    assert "line 14, segment 12 (QTY): QTY02: " in row


@pytest.mark.parametrize("partner, problem", [
    ("{sku_qualifiers: [SK]}", "feeds.supplier.partner.quantity_qualifiers: at least one is required"),
    ("{quantity_qualifiers: {33: on_hand}}", "feeds.supplier.partner.sku_qualifiers: at least one is required"),
    ("{sku: [SK]}", "feeds.supplier.partner.sku: unknown key"),
])
def test_partner_that_says_too_little_is_refused_at_the_start(tmp_path, partner, problem):
    path = tmp_path / "server.yaml"
    head = (SMALL + FEED % tmp_path).split("    partner:")[0]
    path.write_text(f"{head}    partner: {partner}\n")
    result = run("check-config", path)
    assert result.returncode != 0 and problem in result.stdout + result.stderr
