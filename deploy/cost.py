#!/usr/bin/env python3
"""Dollars a month for the service on Lambda, by formula from list prices (us-east-1).

Prices and the free tier change: compare them with https://aws.amazon.com/lambda/pricing/ before you rely on a sum.
Not counted: traffic, S3, SQS, logs, traces, alarms, taxes.
"""

import argparse
import json
import sys

DAYS = 30
SECONDS_A_MONTH = 2.628e6

REQUEST = 2e-7
GB_SECOND = {"x86_64": 1.66667e-5, "arm64": 1.33334e-5}
FREE_GB_SECONDS = 400_000
FREE_REQUESTS = 1_000_000
# Provisioned concurrency: per GB-second of being there, and of work.
PROVISIONED = {"x86_64": (4.1667e-6, 9.7222e-6), "arm64": (3.3334e-6, 7.7778e-6)}
# SnapStart: per GB-second that a version is kept, and per GB restored. The rates published for Python and .NET.
SNAPSHOT_KEPT, SNAPSHOT_RESTORED = 1.5046e-6, 1.398e-4
API_REQUEST = {"rest": 3.5e-6, "http": 1e-6, "url": 0.0}
ECR_GB = 0.10
# Fargate, an hour: per vCPU and per GB; and a load balancer.
FARGATE = {"x86_64": (0.04048, 0.004445), "arm64": (0.03238, 0.00356)}
LOAD_BALANCER = 0.0225

MB_PER_VCPU = 1769
MEASURED_VCPUS = 2
IMAGE_GB = 1.55


def measured_seconds(audio):
    """Our times, large model in int8 on two vCPUs: 1.8 s for 10 s of speech and 4.4 s for 30 s; the line through both.

    What is longer is cut into pieces of at most 30 s.
    """
    pieces, rest = divmod(audio, 30)
    return pieces * 4.4 + (0.5 + 0.13 * rest if rest else 0)


def vcpus(memory):
    return min(memory / MB_PER_VCPU, 6)


def cost(a):
    """The items of the bill, and what they rest on."""
    requests = a.requests * DAYS
    gb = a.memory / 1024
    if a.seconds is not None:
        seconds = a.seconds
    else:
        work = measured_seconds(a.audio_seconds) if a.rtf is None else a.rtf * a.audio_seconds
        # Assumption, not measured: speed grows with the vCPUs.
        seconds = work * MEASURED_VCPUS / vcpus(a.memory)
    cold = 0.0 if a.warm == "provisioned" else a.cold
    # From a snapshot there is no initialisation to pay, only the restore.
    init = 0.0 if a.warm == "snapstart" else a.init_seconds
    gb_seconds = requests * (seconds + cold * init) * gb
    free = not a.no_free_tier
    billed_requests = max(0, requests - FREE_REQUESTS * free)
    items = {"requests": billed_requests * REQUEST}
    if a.warm == "provisioned":
        kept, used = PROVISIONED[a.arch]
        items["provisioned"] = a.environments * gb * SECONDS_A_MONTH * kept
        items["compute"] = gb_seconds * used
    else:
        items["compute"] = max(0.0, gb_seconds - FREE_GB_SECONDS * free) * GB_SECOND[a.arch]
    if a.warm == "snapstart":
        items["snapshots kept"] = a.versions * gb * SECONDS_A_MONTH * SNAPSHOT_KEPT
        items["snapshots restored"] = requests * cold * gb * SNAPSHOT_RESTORED
    items["api"] = requests * API_REQUEST[a.api]
    items["images"] = a.image_gb * ECR_GB
    hours = SECONDS_A_MONTH / 3600
    cpu, memory = FARGATE[a.arch]
    return {
        "requests a month": requests,
        "seconds a request": round(seconds, 3),
        "GB-seconds a month": round(gb_seconds),
        "items": {name: round(dollars, 4) for name, dollars in items.items()},
        "total": round(sum(items.values()), 2),
        "always-on Fargate (2 vCPU, 4 GB) and load balancer": round(hours * (2 * cpu + 4 * memory + LOAD_BALANCER), 2),
    }


def parse(arguments):
    p = argparse.ArgumentParser(prog="deploy.sh cost", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--requests", type=float, default=1000, help="a day (1000)")
    p.add_argument("--audio-seconds", type=float, default=10, help="of speech in a request (10)")
    p.add_argument("--memory", type=int, default=3538, help="MB (3538)")
    p.add_argument("--arch", choices=GB_SECOND, default="x86_64")
    p.add_argument("--warm", choices=["none", "snapstart", "provisioned"], default="none")
    p.add_argument("--environments", type=int, default=1, help="with --warm provisioned (1)")
    p.add_argument("--versions", type=int, default=2, help="kept with --warm snapstart (2: live and the one before)")
    p.add_argument("--rtf", type=float, help="seconds of work for a second of audio on 2 vCPUs (0.18 for 10 s, 0.15 for 30 s: measured)")
    p.add_argument("--seconds", type=float, help="of work in a request, whatever audio and memory")
    p.add_argument("--cold", type=float, default=0.01, help="share of requests that start an environment (0.01, a guess)")
    p.add_argument("--init-seconds", type=float, default=10, help="of such a start (10, a guess: not measured on AWS)")
    p.add_argument("--api", choices=API_REQUEST, default="rest")
    p.add_argument("--image-gb", type=float, default=IMAGE_GB, help=f"in ECR ({IMAGE_GB})")
    p.add_argument("--no-free-tier", action="store_true")
    p.add_argument("--json", action="store_true")
    return p.parse_args(arguments)


def main():
    a = parse(sys.argv[1:])
    bill = cost(a)
    if a.json:
        print(json.dumps(bill))
        return
    print(f"{bill['requests a month']:,.0f} requests a month, {bill['seconds a request']} s each, "
          f"{bill['GB-seconds a month']:,} GB-seconds ({a.arch}, {a.memory} MB = {vcpus(a.memory):.1f} vCPU)")
    for name, dollars in bill["items"].items():
        print(f"  {name:20} ${dollars:10.2f}")
    print(f"  {'total':20} ${bill['total']:10.2f}")
    print(f"always-on Fargate (2 vCPU, 4 GB) with a load balancer: ${list(bill.values())[-1]:.2f}")


if __name__ == "__main__":
    main()
