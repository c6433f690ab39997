"""The examples, run as their readers would run them."""
import concurrent.futures
import json
import os
import subprocess
import sys

import grpc

from availability.v1 import (
    availability_service_pb2, inventory_feed_service_pb2, operations_service_pb2, policy_pb2, policy_service_pb2)

from support import PATIENCE, ROOT
from support.api import Api, new_name, sample_skus, snapshot
from support.server import AVAIL, clean_environment, run

EXAMPLES = ROOT / "Examples"
SERVICE_CONFIG = (EXAMPLES / "service-config.json").read_text()


def python(name, *arguments):
    return subprocess.run([sys.executable, "-B", EXAMPLES / "python" / name, *arguments], env=clean_environment(),
                          text=True, capture_output=True, timeout=PATIENCE)


def shell(name, server, *arguments):
    path = os.pathsep.join([str(AVAIL.parent), os.environ["PATH"]])
    environment = clean_environment(PATH=path, AVAIL_ADDRESS=server.grpc_address,
                                    AVAILABILITY_HTTP=server.http_address)
    return subprocess.run(["bash", EXAMPLES / "shell" / name, *arguments], env=environment, text=True,
                          capture_output=True, timeout=PATIENCE)


def test_python_check_prints_a_table_in_the_order_asked(server):
    told = python("check_availability.py", "--address", server.grpc_address, "--channel", "web", "SKU-000001",
                  "SKU-000002=40", "SKU-000003@WH1", "NOBODY-KNOWS")
    assert told.returncode == 0, told.stderr
    header, *rows, footer = told.stdout.splitlines()
    assert header.split()[:4] == ["SKU", "LOCATION", "AVAILABLE", "STATUS"]
    assert [row.split()[0] for row in rows] == ["SKU-000001", "SKU-000002", "SKU-000003", "NOBODY-KNOWS"]
    assert "UNKNOWN_SKU" in rows[-1] and "WH1" in rows[2] and "policy version" in footer


def test_python_check_tells_an_error_and_fails(server):
    told = python("check_availability.py", "--address", server.grpc_address, "--channel", "nobody", "SKU-000001")
    assert told.returncode == 1 and "NOT_FOUND" in told.stderr and not told.stdout


def test_python_publish_tells_what_became_of_each_event(server, api):
    sku = new_name()
    arguments = ("publish_events.py", "--address", server.grpc_address)
    told = python(*arguments, f"{sku}@WH1=25", f"{sku}@WH2=4")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("APPLIED") == 2
    assert [api.position(sku, location).position.on_hand for location in ("WH1", "WH2")] == [25, 4]
    told = python(*arguments, f"{sku}@NOWHERE=1")
    assert told.returncode == 1 and "DEAD_LETTERED" in told.stdout


def test_python_watch_goes_on_telling_changes(server, api):
    channel, sku = api.new_channel(), new_name()
    api.apply(snapshot(sku, on_hand=5))
    arguments = [sys.executable, "-B", EXAMPLES / "python" / "watch_availability.py", "--address", server.grpc_address,
                 "--channel", channel, "--count", "2", sku]
    with subprocess.Popen(arguments, env=clean_environment(), text=True, stdout=subprocess.PIPE) as watch:
        assert watch.stdout.readline() == f"{sku}@any: 5 IN_STOCK\n"
        api.apply(snapshot(sku, on_hand=0))
        assert watch.stdout.readline() == f"{sku}@any: 0 OUT_OF_STOCK\n"
        assert watch.wait(PATIENCE) == 0


def test_service_config_retries_what_the_server_pushes_back_until_it_is_admitted(server, api):
    throttle = policy_pb2.ThrottlePolicy(read_units_per_second=2_000, read_units_burst=1_000)
    throttled = api.new_channel(throttle=throttle)
    skus = sample_skus(1_000)
    patient = Api(server.channel(**{"grpc.service_config": SERVICE_CONFIG}))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: patient.check(throttled, *skus), range(2)))
    assert [len(answer.lines) for answer in answers] == [1_000, 1_000]


def test_service_config_names_methods_that_exist():
    modules = [availability_service_pb2, inventory_feed_service_pb2, operations_service_pb2, policy_service_pb2]
    known = {(service.full_name, method.name) for module in modules
             for service in module.DESCRIPTOR.services_by_name.values() for method in service.methods}
    for configuration in json.loads(SERVICE_CONFIG)["methodConfig"]:
        assert {(name["service"], name["method"]) for name in configuration["name"]} <= known
        for code in configuration["retryPolicy"]["retryableStatusCodes"]:
            assert hasattr(grpc.StatusCode, code)


def test_shell_check_tells_readiness_and_figures_and_fails_when_nothing_is_left(server, api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=100))
    told = shell("check.sh", server, sku, f"{sku}@WH1=3")
    assert told.returncode == 0, told.stderr
    assert "readyz check passed" in told.stdout and told.stdout.count(sku) == 2
    assert shell("check.sh", server, sku, "NOBODY-KNOWS").returncode == 1


def test_configuration_of_the_examples_is_good():
    for file in EXAMPLES.glob("*.yaml"):
        checked = run("check-config", file)
        assert checked.returncode == 0, checked.stderr
