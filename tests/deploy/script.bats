#!/usr/bin/env bats
# deploy.sh before it reaches AWS: usage, settings, what it refuses.

load helper

setup() {
    export HOME=$BATS_TEST_TMPDIR XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    mkdir "$BATS_TEST_TMPDIR/bin"
    # An AWS that has no stack, and notes what it is asked.
    cat >"$BATS_TEST_TMPDIR/bin/aws" <<'END'
#!/bin/sh
printf '%s\n' "$AWS_REGION: $*" >>"$HOME/aws.log"
case "$*" in
    *describe-stacks*) echo "Stack with id x does not exist" >&2; exit 254 ;;
    "configure get region") exit 1 ;;
    *"cloudformation deploy"*) exit 1 ;;
esac
END
    chmod +x "$BATS_TEST_TMPDIR/bin/aws"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    image=123456789012.dkr.ecr.us-east-1.amazonaws.com/x@sha256:$(printf '0%.0s' {1..64})
}

@test "--help names every command" {
    run "$deploy" --help
    [ "$status" = 0 ]
    for command in preflight build push deploy status test logs invoke warm rollback cost cleanup; do
        contains "  $command" "$output"
    done
}

@test "wrong usage is refused with status 2, before anything is done" {
    for wrong in "--nonsense x" "--memory" "frobnicate" "--arch sparc deploy" "--precision int4 build" "--set MemorySize deploy" \
        "--stack-name Upper_Case deploy" "--timeout soon deploy"; do
        # shellcheck disable=SC2086
        run "$deploy" $wrong
        [ "$status" = 2 ] || fail "$wrong: $status $output"
    done
    [ ! -e "$HOME/aws.log" ]
}

@test "region, memory and timeout come from options, else from the environment" {
    AWS_REGION=eu-west-1 MEMORY_SIZE=4000 TIMEOUT=100 run "$deploy" --image "$image" deploy
    [ "$status" = 1 ]
    contains "eu-west-1: cloudformation deploy" "$(cat "$HOME/aws.log")"
    contains "MemorySize=4000" "$(cat "$HOME/aws.log")"
    # Six times as long until a message is tried again.
    contains "Timeout=100" "$(cat "$HOME/aws.log")"
    contains "QueueVisibilityTimeout=600" "$(cat "$HOME/aws.log")"
    AWS_REGION=eu-west-1 MEMORY_SIZE=4000 run "$deploy" --region ap-south-1 --memory=5000 --image "$image" deploy
    contains "ap-south-1: cloudformation deploy" "$(cat "$HOME/aws.log")"
    contains "MemorySize=5000" "$(cat "$HOME/aws.log")"
}

@test "without a region, an image, or a model it says which" {
    AWS_REGION="" AWS_DEFAULT_REGION="" run "$deploy" status
    [ "$status" = 1 ]
    contains "no region" "$output"
    run "$deploy" deploy
    [ "$status" = 1 ]
    contains "no image" "$output"
    run "$deploy" --engine true --model "$BATS_TEST_TMPDIR" build
    [ "$status" = 1 ]
    contains "not a checkpoint" "$output"
}

@test "preflight names what is missing" {
    mkdir "$BATS_TEST_TMPDIR/few"
    for tool in bash sed dirname uname df awk mkdir grep tr cat; do ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/few/"; done
    PATH=$BATS_TEST_TMPDIR/few run "$deploy" preflight
    [ "$status" = 1 ]
    for missing in aws curl python3 "docker, podman or buildah" credentials cargo HF_TOKEN; do
        contains "MISSING  $missing" "$output"
    done
}

@test "cleanup that is not confirmed deletes nothing" {
    run "$deploy" cleanup --all </dev/null
    [ "$status" = 1 ]
    lacks "delete" "$(cat "$HOME/aws.log")"
}
