#!/usr/bin/env python3
"""Keeps up with what a channel may sell, through restarts of either side: the shape of a shop's own cache.

    watch_availability.py --channel web SKU-000001 SKU-000002@WH1      (no lines: every sku)
"""
import argparse
import sys
import time

import grpc

from connection import connect

messages, services = grpc.protos_and_services("availability/v1/availability_service.proto")
availability = grpc.protos("availability/v1/availability.proto")


def line(text):
    """SKU or SKU@LOCATION."""
    sku, _, location = text.partition("@")
    return availability.CheckAvailabilityLine(sku=sku, location=location)


def follow(channel, request):
    """Every change, for ever. `request` always knows where to go on from."""
    while True:
        try:
            for response in services.AvailabilityServiceStub(channel).WatchAvailability(request, wait_for_ready=True):
                yield from response.lines
                # Only after its lines were taken over: what was not is told again.
                if response.resume_token:
                    request.resume_token = response.resume_token
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                sys.exit(f"{error.code().name}: {error.details()}")
            time.sleep(1)


def main():
    parser = argparse.ArgumentParser(description="Keeps up with what a channel may sell.")
    parser.add_argument("--address", default="127.0.0.1:50051", help="HOST:PORT of the server (%(default)s)")
    parser.add_argument("--channel", default="web", help="the selling channel (%(default)s)")
    parser.add_argument("--count", type=int, help="stop after so many lines")
    parser.add_argument("lines", nargs="*", type=line, metavar="SKU[@LOCATION]")
    arguments = parser.parse_args()

    request = messages.WatchAvailabilityRequest(channel=arguments.channel, lines=arguments.lines)
    with connect(arguments.address) as channel:
        for number, told in enumerate(follow(channel, request), 1):
            status = availability.AvailabilityStatus.Name(told.status).removeprefix("AVAILABILITY_STATUS_")
            print(f"{told.sku}@{told.location or 'any'}: {told.available} {status}", flush=True)
            if number == arguments.count:
                return


if __name__ == "__main__":
    main()
