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
guide() { total "$1" --requests "$2" --seconds 10 --memory 10240 --cold 0 --api url --image-gb 0 "${@:3}"; }

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
    total 109.50 --requests 0 --memory 10240 --warm provisioned --image-gb 0
    total 87.60 --requests 0 --memory 10240 --warm provisioned --image-gb 0 --arch arm64
    # 30,000 requests of 10 s at 10 GB: 3,000,000 GB-s at 9.7222e-6; the free tier does not cover them.
    total 138.67 --requests 1000 --seconds 10 --memory 10240 --warm provisioned --image-gb 0 --api url --no-free-tier
}

@test "snapshots cost by version kept and by restore" {
    # 10 GB * 2.628e6 s * 1.5046e-6 = 39.54 a version.
    total 79.08 --requests 0 --memory 10240 --warm snapstart --image-gb 0
    # 30,000 requests, of which 300 restore 10 GB at 1.398e-4: 0.42; 30,000 GB-s: 0.50; requests: 0.01.
    total 80.01 --requests 1000 --seconds 0.1 --memory 10240 --warm snapstart --versions 2 --cold 0.01 --api url \
        --image-gb 0 --no-free-tier
}

@test "a REST request costs 3.50 dollars a million, an image 10 cents a GB" {
    # 30,000,000 requests: 105 dollars for the API, and 29,000,000 at 0.20 a million for the function.
    total 110.80 --requests 1000000 --seconds 0 --cold 0 --image-gb 0
    total 0.15 --requests 0 --image-gb 1.5
}

seconds() { "$deploy" cost --json "$@" | jq '."seconds a request"'; }

@test "seconds of work: measured at two vCPUs, more with more memory, by factor if given" {
    [ "$(seconds --audio-seconds 10 --memory 3538)" = 1.8 ]
    [ "$(seconds --audio-seconds 30 --memory 3538)" = 4.4 ]
    [ "$(seconds --audio-seconds 600 --memory 3538)" = 88 ]
    [ "$(seconds --audio-seconds 10 --memory 7076)" = 0.9 ]
    [ "$(seconds --audio-seconds 10 --rtf 0.5 --memory 3538)" = 5 ]
}
