#!/usr/bin/env bats
# The arithmetic of `deploy.sh cost`, against sums done by hand from the list prices.

load helper

# $1: the sum, then options. The same to a cent.
total() {
    local wanted=$1 found
    shift
    found=$("$deploy" cost --json "$@" | jq .total)
    [ "$(jq -n "$found * 100 | round")" = "$(jq -n "$wanted * 100 | round")" ] || fail "$found instead of $wanted"
}

# The guide's scenarios: 10 GB, 10 s a request, no cold starts, compute and requests only.
guide() { total "$1" --requests "$2" --seconds 10 --memory 10240 --cold 0 --api url --image-gb 0 --no-monitoring "${@:3}"; }

@test "the guide's 100, 1,000 and 10,000 requests a day" {
    guide 0 100
    guide 5.00 100 --no-free-tier
    guide 43.33 1000
    guide 50.01 1000 --no-free-tier
    guide 493.33 10000
    guide 500.06 10000 --no-free-tier
}

@test "arm64 is a fifth cheaper" {
    guide 40.01 1000 --no-free-tier --arch arm64
}

@test "a warm environment of 10 GB costs 110 dollars, 88 on arm64, and its work less" {
    total 109.50 --requests 0 --memory 10240 --warm provisioned --image-gb 0 --no-monitoring
    total 87.60 --requests 0 --memory 10240 --warm provisioned --image-gb 0 --no-monitoring --arch arm64
    # 30,000 requests of 10 s at 10 GB: 3,000,000 GB-s at 9.7222e-6; the free tier does not cover them.
    total 138.67 --requests 1000 --seconds 10 --memory 10240 --warm provisioned --image-gb 0 --no-monitoring --api url --no-free-tier
}

@test "snapshots cost by version kept and by restore" {
    # 10 GB * 2.628e6 s * 1.5046e-6 = 39.54 a version.
    total 79.08 --requests 0 --memory 10240 --warm snapstart --image-gb 0 --no-monitoring
    # 30,000 requests, of which 300 restore 10 GB at 1.398e-4: 0.42; 30,000 GB-s: 0.50; requests: 0.01.
    total 80.01 --requests 1000 --seconds 0.1 --memory 10240 --warm snapstart --versions 2 --cold 0.01 --api url \
        --image-gb 0 --no-monitoring --no-free-tier
}

@test "a REST request costs 3.50 dollars a million, an image 10 cents a GB" {
    # 30,000,000 requests: 105 dollars for the API, and 29,000,000 at 0.20 a million for the function.
    total 110.80 --requests 1000000 --seconds 0 --cold 0 --image-gb 0 --no-monitoring
    total 0.15 --requests 0 --image-gb 1.5 --no-monitoring
}

@test "monitoring: metrics 30 cents, alarms 10 cents, log 50 cents a GB, traces 5 dollars a million" {
    # 9 metrics: 2.70; 10 metrics of alarms: 1.00; 30,000 requests of 1,500 bytes: 0.045 GB, 0.0225; 30,000 traces: 0.15.
    # The requests themselves: 0.006.
    total 3.88 --requests 1000 --seconds 0 --api url --image-gb 0 --cold 0 --no-free-tier
    # The free tier covers all of it: 10 metrics, 10 alarms, 5 GB, 100,000 traces.
    total 0 --requests 1000 --seconds 0 --api url --image-gb 0 --cold 0
    # What stack.yaml has, and the program writes.
    [ "$(grep -c "^    Type: AWS::CloudWatch::Alarm" "$root/deploy/stack.yaml")" = 9 ]
    [ "$(sed -n '/fn of_transcription/,/^}/p' "$root/indic-seamless-lambda/src/cloudwatch.rs" | grep -c '^        ("')" = 9 ]
}

# The three scenarios of the page, calculated step by step with jq instead of by the program: 10 s of speech on two vCPUs with
# AVX2 take 0.95 s * 4.3 + 0.95 s, 3538 MB. $1: requests a day, $2: share of cold starts.
by_hand() {
    jq -n --argjson day "$1" --argjson cold "$2" '
        ($day * 30) as $requests
        | (0.95 * 4.3 + 0.95) as $seconds
        | ($requests * ($seconds + $cold * 10) * 3538 / 1024) as $gb_seconds
        | $gb_seconds * 0.0000166667            # compute
        + $requests * 0.2 / 1000000             # requests
        + $requests * 3.5 / 1000000             # REST API
        + 1.55 * 0.10                           # image
        + 9 * 0.30 + 10 * 0.10                  # metrics, alarms
        + $requests * 1500 / 1000000000 * 0.50  # log
        + $requests * 5 / 1000000               # traces, one for each request
    '
}

@test "three scenarios equal a calculation by hand" {
    for scenario in "100 0.50" "1000 0.04" "10000 0.0067"; do
        read -r day cold <<<"$scenario"
        total "$(by_hand "$day" "$cold")" --requests "$day" --cold "$cold" --no-free-tier
    done
}

@test "the share of cold starts is that of a simulation" {
    python3 - "$root/deploy" <<'END'
import random
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import cost

random.seed(7)
for a_day, seconds, days in [(50, 5, 400), (100, 5, 300), (1000, 5, 100), (10000, 5, 10)]:
    # Each environment as the time when it is free; the one that was used last is taken.
    free, cold, now, requests = [], 0, 0.0, 0
    while now < days * 86400:
        now += random.expovariate(a_day / 86400)
        requests += 1
        free = [since for since in free if now - since < cost.IDLE]
        idle = [since for since in free if since <= now]
        if idle:
            free.remove(max(idle))
        else:
            cold += 1
        free.append(now + seconds)
    simulated, estimated = cold / requests, cost.cold_share(a_day, seconds)
    assert abs(simulated - estimated) < 0.25 * simulated, (a_day, simulated, estimated)
END
}

@test "the answer names what it assumes" {
    answer=$("$deploy" cost --requests 100 --arch arm64 --warm snapstart)
    for assumed in "with AVX2 the encoder takes 4.3 times as long" "Graviton as fast" "at random, day and night" \
        "after 10 minutes without a request" "SnapStart for images" "the free tier is used for nothing else" \
        "a trace for each request"; do
        contains "$assumed" "$answer"
    done
    contains "a start takes 10 s" "$("$deploy" cost)"
    # What is given is not assumed.
    lacks "minutes without" "$("$deploy" cost --cold 0.1)"
    lacks AVX2 "$("$deploy" cost --seconds 3)"
}

@test "Fargate takes as many tasks as the work needs" {
    tasks() { "$deploy" cost --json "$@" | jq '."Fargate tasks"'; }
    # 10,000 * 5.035 s are 0.58 of a day, less than the 0.6 that a task is to be busy.
    [ "$(tasks --requests 10000)" = 1 ]
    [ "$(tasks --requests 11000)" = 2 ]
}

seconds() { "$deploy" cost --json "$@" | jq '."seconds a request"'; }

@test "seconds of work: measured at two vCPUs, more with more memory, by factor if given" {
    # 0.95 * 4.3 + 0.95; 3.4 * 4.3 + 0.9.
    [ "$(seconds --audio-seconds 10 --memory 3538)" = 5.035 ]
    [ "$(seconds --audio-seconds 30 --memory 3538)" = 15.52 ]
    [ "$(seconds --audio-seconds 600 --memory 3538)" = 310.4 ]
    [ "$(seconds --audio-seconds 20 --memory 3538)" = 10.277 ] # half-way between
    [ "$(seconds --audio-seconds 10 --memory 7076)" = 2.518 ]
    [ "$(seconds --audio-seconds 10 --rtf 0.5 --memory 3538)" = 5 ]
}
