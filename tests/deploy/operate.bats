#!/usr/bin/env bats
# Looking after a stack that is deployed: traffic, stopping, dead letters, backup. The tests follow on each other.

load helper

setup_file() {
    start_aws
    for quota in 0 500; do
        "$deploy" --stack-name test-stack --engine buildah --registry "$registry" --binary "$program" --model demo --memory 3008 \
            --timeout 60 --set QuotaPerDay=$quota
    done
}

teardown_file() { stop "$ministack_pid" "$registry_pid"; }

deploy() { "$deploy" --stack-name test-stack "$@"; }

weights() { aws lambda get-alias --function-name test-stack --name live --query 'RoutingConfig.AdditionalVersionWeights' --output json; }

@test "a split between versions lasts until the next deployment" {
    aws lambda update-alias --function-name test-stack --name live --routing-config 'AdditionalVersionWeights={1=0.1}' >/dev/null
    contains 0.1 "$(weights)"
    run "$deploy" --stack-name test-stack --set QuotaPerDay=1000 deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(live)" = 3 ]
    lacks 0.1 "$(weights)"
}

@test "a version that has calls is not forgotten" {
    of() { xargs <<<"$(aws lambda list-versions-by-function --function-name test-stack --query 'Versions[].Version' --output text)"; }
    # AWS publishes only what has changed.
    aws lambda update-function-configuration --function-name test-stack --description changed >/dev/null
    aws lambda publish-version --function-name test-stack >/dev/null
    [ "$(of)" = "\$LATEST 1 2 3 4" ] || fail "$(of)"
    aws lambda update-alias --function-name test-stack --name live --routing-config 'AdditionalVersionWeights={1=0.1}' >/dev/null
    (
        say() { :; }
        # shellcheck source=../../deploy/lib/stack.sh
        . "$root/deploy/lib/stack.sh"
        forget_old_versions test-stack
        contains " 1 " "$(of) "
        point_live_to test-stack 3
        forget_old_versions test-stack
    )
    [ "$(of)" = "\$LATEST 2 3 4" ] || fail "$(of)"
    lacks 0.1 "$(weights)"
}

@test "stop lets nothing run, start lets all go on" {
    reserved() { aws lambda get-function-concurrency --function-name "$1" --query ReservedConcurrentExecutions --output text; }
    mapping() { aws lambda get-event-source-mapping --uuid "$(output QueueMappingId)" --query State --output text; }
    run deploy stop
    [ "$status" = 0 ] || fail "$output"
    [ "$(reserved test-stack) $(reserved test-stack-batch)" = "0 0" ]
    contains Disabl "$(mapping)"
    run deploy start
    [ "$status" = 0 ] || fail "$output"
    [ "$(reserved test-stack) $(reserved test-stack-batch)" = "None None" ]
    contains Enabl "$(mapping)"
    deploy --url "$(api)" test
}

@test "dead letters come back to the queue" {
    aws sqs send-message --queue-url "$(output DeadLetterQueueUrl)" --message-body "not an event" >/dev/null
    run deploy redrive
    [ "$status" = 0 ] || fail "$output"
    empty() { [ "$(waiting DeadLetterQueueUrl)" = 0 ]; }
    within 10 empty
    read_once() { "$deploy" --stack-name test-stack logs --batch | grep -q "unreadable message"; }
    within 30 read_once
}

@test "without the API the functions stay" {
    run "$deploy" --stack-name test-stack --set RestApi=no deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(aws apigateway get-rest-apis --query 'length(items)')" = 0 ]
    run deploy invoke
    contains healthy "$output"
    run "$deploy" --stack-name test-stack --set RestApi=yes deploy
    [ "$status" = 0 ] || fail "$output"
    deploy --url "$(api)" test
}

@test "a backup has settings and transcripts, and restore puts them back" {
    aws s3 cp --quiet "$recording" "s3://$(output BucketName)/recordings/hin/one.wav"
    within 30 object transcripts/hin/one.wav.json
    run deploy backup "$state/backup"
    [ "$status" = 0 ] || fail "$output"
    contains "QuotaPerDay=1000" "$(cat "$state/backup/parameters")"
    [ -f "$state/backup/transcripts/hin/one.wav.json" ]
    aws s3 rm --quiet "s3://$(output BucketName)/transcripts/hin/one.wav.json"
    "$deploy" --stack-name test-stack --set QuotaPerDay=5 deploy
    run "$deploy" --stack-name test-stack restore "$state/backup"
    [ "$status" = 0 ] || fail "$output"
    object transcripts/hin/one.wav.json
    [ "$(aws cloudformation describe-stacks --stack-name test-stack --output text \
        --query "Stacks[0].Parameters[?ParameterKey=='QuotaPerDay'].ParameterValue")" = 1000 ]
}
