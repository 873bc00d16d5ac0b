#!/usr/bin/env python3
"""Dollars a month for the service on Lambda, by formula from list prices (us-east-1).

Prices and the free tier change: compare them with https://aws.amazon.com/lambda/pricing/ before you rely on a sum.
The answer names what it assumes. Not counted: traffic, S3, SQS, Step Functions, taxes.
"""

import argparse
import json
import math
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
FARGATE_LOAD = 0.6

# CloudWatch and X-Ray, a month: per metric of our own, per metric of an alarm, per GB of log, per trace.
METRIC, ALARM_METRIC, LOG_GB, TRACE = 0.30, 0.10, 0.50, 5e-6
FREE_METRICS, FREE_ALARM_METRICS, FREE_LOG_GB, FREE_TRACES = 10, 10, 5, 100_000
# What stack.yaml has: nine metrics of the function for requests (cloudwatch.rs), ten metrics in nine alarms.
METRICS, ALARM_METRICS = 9, 10
# The log of a request: our two lines and Lambda's three.
LOG_BYTES = 1500

MB_PER_VCPU = 1769
MEASURED_VCPUS = 2
IMAGE_GB = 1.55
# Our times on two vCPUs with AVX-512 VNNI, the large model in int8, for 10 s of speech and for 30 s: encoder, and the rest.
MEASURED = {10: (0.95, 0.95), 30: (3.4, 0.9)}
# With AVX2 only the encoder takes so many times as long, and the rest, which reads the weights, as long as before: processor
# time of the same program on an Intel Xeon at 2.5 GHz. Lambda promises AVX2, no more.
AVX2_ENCODER = 4.3
# After so many seconds without a request an environment is taken away. AWS does not say; people observe 5 to 15 minutes.
IDLE = 600
# To load 1.5 GB from a lazily loaded image with 36 ms for each 512 KiB: measured on a stand-in for it, not on AWS.
INIT = 10


def measured_seconds(audio):
    """Seconds of work on two vCPUs with AVX2: the line through both measurements; longer audio is cut into 30 s."""
    short, whole = (encoder * AVX2_ENCODER + rest for encoder, rest in MEASURED.values())
    pieces, rest = divmod(audio, 30)
    return pieces * whole + (short + (whole - short) / 20 * (rest - 10) if rest else 0)


def vcpus(memory):
    return min(memory / MB_PER_VCPU, 6)


def cold_share(requests_a_day, seconds):
    """The share of requests that start an environment, if they come at random all day.

    A request that finds k others under way goes to environment k + 1, which is cold if it got none for IDLE seconds. The number
    under way is distributed as Poisson's.
    """
    rate = requests_a_day / 86400
    busy = rate * seconds
    share, exactly, at_least = 0.0, math.exp(-busy), 1.0
    k = 0
    while at_least > 1e-9 and k < 100_000:
        share += exactly * math.exp(-rate * at_least * IDLE)
        at_least -= exactly
        k += 1
        exactly *= busy / k
    return min(1.0, share)


def monitoring(requests, free):
    """Metrics, alarms, log and traces. Every request has a trace up to one a second, which is where X-Ray begins to sample."""
    log_gb = requests * LOG_BYTES / 1e9
    return (
        max(0, METRICS - FREE_METRICS * free) * METRIC
        + max(0, ALARM_METRICS - FREE_ALARM_METRICS * free) * ALARM_METRIC
        + max(0, log_gb - FREE_LOG_GB * free) * LOG_GB
        + max(0, min(requests, SECONDS_A_MONTH) - FREE_TRACES * free) * TRACE
    )


def cost(a):
    """The items of the bill, and what they rest on."""
    requests = a.requests * DAYS
    gb = a.memory / 1024
    assumed = ["requests come at random, day and night"]
    if a.seconds is not None:
        seconds = a.seconds
    else:
        if a.rtf is None:
            work = measured_seconds(a.audio_seconds)
            assumed.append("10 s of speech take 1.9 s and 30 s take 4.3 s on two vCPUs with AVX-512, measured; with AVX2 the encoder "
                           f"takes {AVX2_ENCODER} times as long, measured; Lambda has AVX2, and vCPUs as fast as ours")
            if a.arch == "arm64":
                assumed.append("Graviton as fast as x86_64 with AVX2, not measured")
        else:
            work = a.rtf * a.audio_seconds
        seconds = work * MEASURED_VCPUS / vcpus(a.memory)
        assumed.append("speed grows with the vCPUs, not measured")
    if a.warm == "provisioned":
        cold = 0.0
    elif a.cold is not None:
        cold = a.cold
    else:
        cold = cold_share(a.requests, seconds)
        assumed.append(f"an environment goes after {IDLE // 60} minutes without a request, not known")
    # From a snapshot there is no initialisation to pay, only the restore.
    init = 0.0 if a.warm == "snapstart" else a.init_seconds
    if cold and init:
        assumed.append(f"a start takes {init:g} s, measured on a stand-in for a lazily loaded image, not on AWS")
    gb_seconds = requests * (seconds + cold * init) * gb
    free = not a.no_free_tier
    assumed.append("the free tier is used for nothing else" if free else "no free tier")
    items = {"requests": max(0, requests - FREE_REQUESTS * free) * REQUEST}
    if a.warm == "provisioned":
        kept, used = PROVISIONED[a.arch]
        items["provisioned"] = a.environments * gb * SECONDS_A_MONTH * kept
        items["compute"] = gb_seconds * used
    else:
        items["compute"] = max(0.0, gb_seconds - FREE_GB_SECONDS * free) * GB_SECOND[a.arch]
    if a.warm == "snapstart":
        items["snapshots kept"] = a.versions * gb * SECONDS_A_MONTH * SNAPSHOT_KEPT
        items["snapshots restored"] = requests * cold * gb * SNAPSHOT_RESTORED
        assumed.append("SnapStart for images at the rates of Python and .NET, not confirmed")
    items["api"] = requests * API_REQUEST[a.api]
    items["images"] = a.image_gb * ECR_GB
    if not a.no_monitoring:
        items["monitoring"] = monitoring(requests, free)
        assumed.append(f"{METRICS} metrics of our own all month, {LOG_BYTES} bytes of log and a trace for each request; one "
                       "dashboard, of the three that are free; the function for recordings not used")
    # On two vCPUs each, busy for the share of the time at which ecs.yaml adds a task.
    two_vcpus = seconds if a.seconds is not None else work
    tasks = max(1, math.ceil(a.requests * two_vcpus / 86400 / FARGATE_LOAD))
    hours = SECONDS_A_MONTH / 3600
    cpu, memory = FARGATE[a.arch]
    return {
        "requests a month": requests,
        "seconds a request": round(seconds, 3),
        "cold share": round(cold, 4),
        "GB-seconds a month": round(gb_seconds),
        "items": {name: round(dollars, 4) for name, dollars in items.items()},
        "total": round(sum(items.values()), 2),
        "always-on Fargate (2 vCPU, 4 GB) and load balancer": round(
            hours * (tasks * (2 * cpu + 4 * memory) + LOAD_BALANCER), 2
        ),
        "Fargate tasks": tasks,
        "assumptions": assumed,
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
    p.add_argument("--rtf", type=float, help="seconds of work for a second of audio on 2 vCPUs, instead of our measurements")
    p.add_argument("--seconds", type=float, help="of work in a request, whatever audio and memory")
    p.add_argument("--cold", type=float, help="share of requests that start an environment, instead of the estimate")
    p.add_argument("--init-seconds", type=float, default=INIT, help=f"of such a start ({INIT}: not measured on AWS)")
    p.add_argument("--api", choices=API_REQUEST, default="rest")
    p.add_argument("--image-gb", type=float, default=IMAGE_GB, help=f"in ECR ({IMAGE_GB})")
    p.add_argument("--no-free-tier", action="store_true")
    p.add_argument("--no-monitoring", action="store_true", help="without metrics, alarms, log and traces")
    p.add_argument("--json", action="store_true")
    return p.parse_args(arguments)


def main():
    a = parse(sys.argv[1:])
    bill = cost(a)
    if a.json:
        print(json.dumps(bill))
        return
    print(f"{bill['requests a month']:,.0f} requests a month, {bill['seconds a request']} s each, {bill['cold share']:.1%} of them "
          f"with a cold start, {bill['GB-seconds a month']:,} GB-seconds ({a.arch}, {a.memory} MB = {vcpus(a.memory):.1f} vCPU)")
    for name, dollars in bill["items"].items():
        print(f"  {name:20} ${dollars:10.2f}")
    print(f"  {'total':20} ${bill['total']:10.2f}")
    fargate = "always-on Fargate (2 vCPU, 4 GB) and load balancer"
    print(f"{fargate}: ${bill[fargate]:.2f} ({bill['Fargate tasks']} tasks)")
    print("assumed:", *bill["assumptions"], sep="\n  ")


if __name__ == "__main__":
    main()
