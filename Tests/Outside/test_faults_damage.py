"""The data file is damaged, cut off or taken away: told in words, DATA_LOSS, and never one crash after another."""
import os
import shutil
import struct
import subprocess

import grpc
import pytest

from support.api import Api, adjustment, failure_of
from support.faults import others_answered
from support.server import SMALL, eventually, run

PAGE_BYTES = 4_096
LEAF = 2
# Enough that the tree of positions has leaves below the levels that a start looks at.
SKUS = 12_000


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A store with many positions whose last process ended in order; tests work on copies."""
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "server.yaml").write_text(SMALL)
    rows = "".join(f"SKU-{number:05},WH1,{number}\n" for number in range(SKUS))
    (folder / "stock.csv").write_text("sku,location,on_hand\n" + rows)
    made = run("import", folder / "stock.csv", "--config", folder / "server.yaml", "--data", folder / "data")
    assert made.returncode == 0, made.stderr
    assert (folder / "data" / "ended-in-order").exists()
    return folder / "data"


@pytest.fixture
def copied(catalogue, new_server):
    """A server, not yet started, on a copy of that store."""
    server = new_server()
    shutil.copytree(catalogue, server.data)
    return server


def leaves_with(file, sku):
    """The numbers of the leaf pages that hold the position of a sku, the one in use among them."""
    content = file.read_bytes()
    # The key of a position: tenant, sku, a zero byte, kind 0, location.
    key = sku.encode() + b"\0\0"
    return [number for number in range(2, len(content) // PAGE_BYTES)
            if struct.unpack_from("<H", content, number * PAGE_BYTES + 10)[0] == LEAF
            and key in content[number * PAGE_BYTES:(number + 1) * PAGE_BYTES]]


# Where in a page, and what: its number, its kind, and the bounds of its nodes.
DAMAGES = {"number": (0, b"\x07\xff\xff"), "flags": (10, b"\x04\x00"), "bounds": (12, b"\xff\xff")}


def damage(file, pages, kind):
    offset, content = DAMAGES[kind]
    with open(file, "r+b") as opened:
        for page in pages:
            os.pwrite(opened.fileno(), content, page * PAGE_BYTES + offset)


def assert_refused_in_words(server, hint):
    """Every further start ends by itself, not by a signal, and says what is wrong."""
    for _ in range(2):
        told = run(*server.command()[1:])
        assert told.returncode == 74 and "the data file is damaged" in told.stderr and hint in told.stderr, told


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_page_deep_in_the_tree_is_found_while_serving_and_refused_afterwards(copied, kind):
    damage(copied.data / "data.mdb", leaves_with(copied.data / "data.mdb", "SKU-07777"), kind)
    log = open(copied.directory / "found.log", "w+")
    with log:
        copied.process = subprocess.Popen(copied.command(), stderr=log, stdout=log)
        assert copied.wait() == 74
        log.seek(0)
        told = log.read()
    assert "damaged" in told and "page" in told
    assert_refused_in_words(copied, "page")


def test_damaged_root_is_refused_before_anything_is_served(copied):
    content = (copied.data / "data.mdb").read_bytes()
    # The newer meta page names the root of the trees.
    meta = max(range(2), key=lambda page: struct.unpack_from("<Q", content, page * PAGE_BYTES + 144)[0])
    root = struct.unpack_from("<Q", content, meta * PAGE_BYTES + 128)[0]
    damage(copied.data / "data.mdb", [root], "bounds")
    assert_refused_in_words(copied, f"page {root}")


@pytest.fixture
def copied_read_from_store(catalogue, new_server):
    """The same without the hot table, which would answer whatever happens to the file."""
    server = new_server("--hot-table-enabled", "false")
    shutil.copytree(catalogue, server.data)
    return server


def test_page_damaged_while_serving_is_not_met_by_answers_from_the_hot_table(copied):
    server = copied.start()
    eventually(lambda: server.metric("availability_hot_table_complete") == 1, "a full hot table")
    eventually(lambda: "data file checked" in server.get("/readyz?verbose")[1], "the walk's end")
    api = Api(server.channel())
    damage(server.data / "data.mdb", leaves_with(server.data / "data.mdb", "SKU-07777"), "flags")
    assert api.available("web", "SKU-07777") == 7775


def test_page_damaged_while_serving_is_data_loss_and_refused_afterwards(copied_read_from_store):
    server = copied_read_from_store.start()
    eventually(lambda: "data file checked" in server.get("/readyz?verbose")[1], "the walk's end")
    api = Api(server.channel())
    with others_answered(server):
        damage(server.data / "data.mdb", leaves_with(server.data / "data.mdb", "SKU-07777"), "flags")
        for _ in range(3):
            assert failure_of(api.check, "web", "SKU-07777").code == grpc.StatusCode.DATA_LOSS
    server.kill()
    assert_refused_in_words(server, "page")


def test_start_after_kill_9_walks_the_whole_file_before_it_serves(copied):
    server = copied.start()
    server.kill()
    assert not (server.data / "ended-in-order").exists()
    damage(server.data / "data.mdb", leaves_with(server.data / "data.mdb", "SKU-07777"), "number")
    assert_refused_in_words(server, "another number")


def test_walk_in_the_background_goes_on_beside_changes_and_ends(copied):
    server = copied.start()
    api = Api(server.channel())
    while "data file checked" not in server.get("/readyz?verbose")[1]:
        api.apply(*[adjustment(f"SKU-{number:05}", 1) for number in range(0, SKUS, 100)])
    assert server.metric("availability_ledger_structure_checked") == 1
    api.apply(*[adjustment(f"SKU-{number:05}", 1) for number in range(0, SKUS, 100)])
    server.restart()
    assert server.terminate() == 0
    assert run("verify", "--data", server.data).returncode == 0


def test_word_of_an_orderly_end_says_nothing_about_another_file(copied, catalogue):
    """A file put in the place of the one that was closed is walked before it is served."""
    other = copied.data / "data.mdb"
    damage(other, leaves_with(other, "SKU-07777"), "number")
    with open(other, "ab") as file:
        file.write(bytes(PAGE_BYTES))
    assert_refused_in_words(copied, "another number")


@pytest.mark.parametrize("part", [2, 50])
def test_file_cut_off_under_the_server_ends_it_in_words_and_is_refused_afterwards(copied_read_from_store, part):
    server = copied_read_from_store.start()
    eventually(lambda: "data file checked" in server.get("/readyz?verbose")[1], "the walk's end")
    api = Api(server.channel())
    file = server.data / "data.mdb"
    os.truncate(file, file.stat().st_size // part // PAGE_BYTES * PAGE_BYTES)
    with pytest.raises(grpc.RpcError):
        for number in range(0, SKUS, 10):
            api.available("web", f"SKU-{number:05}")
    assert server.wait() == 74
    last = server.logs()[-1]
    assert last["level"] == "critical" and "the data file cannot be read" in last["message"], last
    assert_refused_in_words(server, "truncated")


def test_directory_removed_under_the_server_is_not_written_to_any_more(copied):
    server = copied.start()
    api = Api(server.channel())
    with others_answered(server):
        shutil.rmtree(server.data)
        for number in range(100):
            api.available("web", f"SKU-{number:05}")
    with pytest.raises(grpc.RpcError):
        api.publish(adjustment("SKU-00001", 1))
    assert server.wait() == 70
    assert "removed" in server.logs()[-1]["reason"]


def test_verify_leaves_the_word_it_took(copied):
    assert run("verify", "--data", copied.data).returncode == 0
    assert (copied.data / "ended-in-order").exists()


def test_half_written_and_foreign_words_of_an_end_are_not_believed(copied):
    word = copied.data / "ended-in-order"
    for text in ["", "transaction", word.read_text().replace("transaction ", "transaction 1"), "\0" * 4_000]:
        word.write_text(text)
        server = copied.start()
        # Walked before serving, so there is nothing left to do in the background.
        assert not [line for line in server.logs() if line["message"] == "data file checked"]
        assert server.terminate() == 0
        assert word.exists()
