#!/usr/bin/env python3
"""Asks what a channel may sell now.

    check_availability.py --channel web SKU-000001 SKU-000002=40 SKU-000003@WH1
"""
import argparse
import sys

import grpc

from connection import connect, print_table

messages, services = grpc.protos_and_services("availability/v1/availability_service.proto")
availability = grpc.protos("availability/v1/availability.proto")


def line(text):
    """SKU, SKU=QUANTITY, SKU@LOCATION or SKU@LOCATION=QUANTITY."""
    rest, _, quantity = text.partition("=")
    sku, _, location = rest.partition("@")
    return availability.CheckAvailabilityLine(
        sku=sku, location=location, quantity=int(quantity) if quantity else None)


def main():
    parser = argparse.ArgumentParser(description="Asks what a channel may sell now.")
    parser.add_argument("--address", default="127.0.0.1:50051", help="HOST:PORT of the server (%(default)s)")
    parser.add_argument("--channel", default="web", help="the selling channel (%(default)s)")
    parser.add_argument("lines", nargs="+", type=line, metavar="SKU[@LOCATION][=QUANTITY]")
    arguments = parser.parse_args()

    request = messages.CheckAvailabilityRequest(channel=arguments.channel, lines=arguments.lines)
    with connect(arguments.address) as channel:
        try:
            response = services.AvailabilityServiceStub(channel).CheckAvailability(request, timeout=5)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")

    print_table(("SKU", "LOCATION", "AVAILABLE", "STATUS", "FRESHNESS", "AGE MS"), [
        (line.sku, line.location or "any", line.available,
         availability.AvailabilityStatus.Name(line.status).removeprefix("AVAILABILITY_STATUS_"),
         availability.Freshness.Name(line.freshness).removeprefix("FRESHNESS_"), line.age_ms)
        for line in response.lines])
    print(f"policy version {response.policy_version}, sequence {response.sequence} of epoch {response.epoch}")


if __name__ == "__main__":
    main()
