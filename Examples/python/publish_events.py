#!/usr/bin/env python3
"""Tells the server what lies where: one POSITION_SNAPSHOT for each argument.

    publish_events.py --source counter NEW-SKU@WH1=25 SKU-000001@WH2=0
"""
import argparse
import sys
import uuid

import grpc
from google.protobuf import timestamp_pb2

from connection import connect, print_table

messages, services = grpc.protos_and_services("availability/v1/inventory_feed_service.proto")
inventory = grpc.protos("availability/v1/inventory_event.proto")
position = grpc.protos("availability/v1/position.proto")


def stock(text):
    """SKU@LOCATION=ON_HAND."""
    place, _, on_hand = text.rpartition("=")
    sku, _, location = place.rpartition("@")
    if not (sku and location):
        raise argparse.ArgumentTypeError(f"expected SKU@LOCATION=ON_HAND, not {text}")
    return sku, location, int(on_hand)


def snapshot(source, sku, location, on_hand):
    """The event. Its id makes it safe to send again: the server takes each (source, id) once."""
    occurred_at = timestamp_pb2.Timestamp()
    occurred_at.GetCurrentTime()
    return inventory.InventoryEvent(
        id=str(uuid.uuid4()), source=source, type=inventory.INVENTORY_EVENT_TYPE_POSITION_SNAPSHOT,
        occurred_at=occurred_at, sku=sku, location=location, position=position.Position(on_hand=on_hand))


def main():
    parser = argparse.ArgumentParser(description="Tells the server what lies where.")
    parser.add_argument("--address", default="127.0.0.1:50051", help="HOST:PORT of the server (%(default)s)")
    parser.add_argument("--source", default="example", help="who tells it (%(default)s)")
    parser.add_argument("stock", nargs="+", type=stock, metavar="SKU@LOCATION=ON_HAND")
    arguments = parser.parse_args()

    events = [snapshot(arguments.source, *stock) for stock in arguments.stock]
    with connect(arguments.address) as channel:
        try:
            response = services.InventoryFeedServiceStub(channel).PublishEvents(
                messages.PublishEventsRequest(events=events), timeout=5)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")

    outcomes = [inventory.EventOutcome.Name(result.outcome).removeprefix("EVENT_OUTCOME_")
                for result in response.results]
    print_table(("SKU", "LOCATION", "ON HAND", "OUTCOME", "REASON"), [
        (*stock, outcome, result.reason)
        for stock, outcome, result in zip(arguments.stock, outcomes, response.results)])
    # Anything else than these two is for a person to look at.
    sys.exit(any(outcome not in ("APPLIED", "DUPLICATE") for outcome in outcomes))


if __name__ == "__main__":
    main()
