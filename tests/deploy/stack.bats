#!/usr/bin/env bats
# The stack on an emulator of AWS (ministack), by deploy.sh as people call it, with a registry on this machine. The tests
# follow on each other, from the first deployment to the cleanup. emulator/aws says what is not as on AWS.

load helper

setup_file() { start_aws; }

teardown_file() { stop "$ministack_pid" "$registry_pid"; }

setup() {
    options=(--stack-name test-stack --engine buildah --registry "$registry" --binary "$program" --model demo --memory 3008
        --timeout 60)
}

deploy() { "$deploy" "${options[@]}" "$@"; }

# $1: name of an output of the stack.
output() {
    aws cloudformation describe-stacks --stack-name test-stack --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

live() { aws lambda get-alias --function-name test-stack --name live --query FunctionVersion --output text; }

# The API where the emulator serves it.
api() { printf '%s/restapis/%s/prod/_user_request_' "$endpoint" "$(output ApiGatewayId)"; }

key() { aws apigateway get-api-key --include-value --query value --output text --api-key "$(output ApiKeyId)"; }

# The status of curl's answer, which goes to $state/answer.
request() { curl --silent --output "$state/answer" --write-out '%{http_code}' "$@"; }

object() { aws s3api head-object --bucket "$(output BucketName)" --key "$1"; }

# The first version of the CLI asks another host than AWS_ENDPOINT_URL for queues.
sqs() { aws --endpoint-url "$endpoint" sqs "$@"; }

waiting() {
    sqs get-queue-attributes --queue-url "$(output "$1")" --attribute-names ApproximateNumberOfMessages \
        --query Attributes.ApproximateNumberOfMessages --output text
}

@test "preflight finds tools, credentials and model" {
    run deploy preflight
    [ "$status" = 0 ] || fail "$output"
    contains "credentials for account 000000000000, region us-east-1" "$output"
}

@test "before the first deployment commands say what is missing" {
    for command in status test logs invoke rollback; do
        run deploy $command
        [ "$status" = 1 ]
        contains "deploy first" "$output"
    done
}

@test "a bare call builds, pushes and deploys" {
    run deploy
    [ "$status" = 0 ] || fail "$output"
    contains "version 1 is live" "$output"
    [ "$(live)" = 1 ]
}

@test "status, logs and invoke" {
    run deploy status
    [ "$status" = 0 ] || fail "$output"
    contains "CREATE_COMPLETE" "$output"
    contains "@sha256:" "$output"
    # The guide's event, and every kind of gateway.
    for event in minimal http-v2 function-url alb; do
        run deploy invoke "$root/deploy/events/$event.json"
        [ "$status" = 0 ] || fail "$event: $output"
        contains healthy "$output"
    done
    run deploy invoke "$root/deploy/events/rest-v1.json"
    contains Hindi "$output"
    run deploy invoke
    contains healthy "$output"
    printf '{"nonsense": 1}' >"$state/nonsense.json"
    run deploy invoke "$state/nonsense.json"
    [ "$status" = 1 ]
    run deploy logs
    [ "$status" = 0 ] || fail "$output"
    contains REPORT "$output"
    run timeout 8 "$deploy" --stack-name test-stack logs --follow
    [ "$status" = 124 ]
    [ "$(grep -c "^REPORT" <<<"$output")" -ge 7 ] || fail "$output"
    [ "$(grep "^REPORT" <<<"$output" | sort | uniq -d)" = "" ]
}

@test "the function may do what it needs and no more" {
    role=$(aws cloudformation describe-stack-resource --stack-name test-stack --logical-resource-id Role \
        --query StackResourceDetail.PhysicalResourceId --output text)
    actions=$(aws iam get-role-policy --role-name "$role" --policy-name service --query 'PolicyDocument.Statement[].Action[]' \
        --output json | jq -r 'flatten | sort | unique | join(" ")')
    [ "$actions" = "logs:CreateLogStream logs:PutLogEvents s3:GetObject s3:ListBucket s3:PutObject sqs:DeleteMessage \
sqs:GetQueueAttributes sqs:ReceiveMessage xray:PutTelemetryRecords xray:PutTraceSegments" ] || fail "$actions"
    lacks "token" "$(aws lambda get-function-configuration --function-name test-stack --query Environment.Variables)"
}

@test "the API: 403 without key, 200 with" {
    [ "$(request "$(api)/health")" = 403 ]
    [ "$(request --header "x-api-key: wrong" "$(api)/health")" = 403 ]
    [ "$(request --header "x-api-key: $(key)" "$(api)/health")" = 200 ]
    contains healthy "$(cat "$state/answer")"
}

@test "the API transcribes a recording, sent as a form or as it is" {
    [ "$(request --header "x-api-key: $(key)" --form "audio=@$recording" --form target_lang=Hindi "$(api)/speech-to-text")" = 200 ]
    form=$(jq -r .transcription "$state/answer")
    [ "$form" = "कृपया आज का मौसम" ] || fail "$form"
    [ "$(request --header "x-api-key: $(key)" --header "content-type: audio/wav" --data-binary "@$recording" \
        "$(api)/speech-to-text?target_lang=hi")" = 200 ]
    [ "$(jq -r .transcription "$state/answer")" = "$form" ]
}

@test "test calls the API, and fails if it does not answer as it should" {
    run deploy --url "$(api)" test
    [ "$status" = 0 ] || fail "$output"
    run deploy --url "$(api)/nowhere" test
    [ "$status" = 1 ]
}

@test "a recording put into the bucket becomes a transcript and subtitles" {
    aws s3 cp --quiet "$recording" "s3://$(output BucketName)/recordings/hin/one.wav"
    within 30 object transcripts/hin/one.wav.json
    aws s3 cp --quiet "s3://$(output BucketName)/transcripts/hin/one.wav.json" "$state/one.json"
    contains "कृपया आज का मौसम" "$(cat "$state/one.json")"
    object transcripts/hin/one.wav.srt
    # Sent again, it changes nothing.
    before=$(object transcripts/hin/one.wav.json | jq -r .LastModified)
    jq --arg bucket "$(output BucketName)" '.bucket = $bucket | .key = "recordings/hin/one.wav"' \
        "$root/deploy/events/recording.json" >"$state/event.json"
    run deploy invoke "$state/event.json"
    [ "$status" = 0 ] || fail "$output"
    [ "$(object transcripts/hin/one.wav.json | jq -r .LastModified)" = "$before" ]
}

@test "a poisoned message goes to the dead letters, its batch-mates are done" {
    queue=$(output QueueUrl)
    # Six times the timeout is 6 minutes, too long for a test.
    sqs set-queue-attributes --queue-url "$queue" --attributes VisibilityTimeout=1
    for name in two three; do aws s3 cp --quiet "$recording" "s3://$(output BucketName)/recordings/hin/$name.wav"; done
    head -c 3000 /dev/urandom >"$state/poison.wav"
    aws s3 cp --quiet "$state/poison.wav" "s3://$(output BucketName)/recordings/hin/poison.wav"
    entries=$(jq -n --arg body "not an event" '[{Id: "a", MessageBody: $body}]')
    sqs send-message-batch --queue-url "$queue" --entries "$entries" >/dev/null
    for name in two three; do within 30 object transcripts/hin/$name.wav.json; done
    dead() { [ "$(waiting DeadLetterQueueUrl)" = 2 ]; }
    within 60 dead
    [ "$(waiting QueueUrl)" = 0 ]
    run object transcripts/hin/poison.wav.json
    [ "$status" != 0 ]
    contains "unsupported_audio" "$(aws s3 cp --quiet "s3://$(output BucketName)/transcripts/hin/poison.wav.error.json" -)"
}

@test "the events of queue and distributed map as their files show them" {
    for event in sqs-s3 distributed-map; do
        sed "s/BUCKET/$(output BucketName)/g" "$root/deploy/events/$event.json" >"$state/event.json"
        aws s3 cp --quiet "$recording" "s3://$(output BucketName)/elsewhere" # not under recordings/: nothing happens
        run deploy invoke "$state/event.json"
        [ "$status" = 0 ] || [ "$event" = distributed-map ] || fail "$output"
        case $event in
            # There is no such recording: the message must come again, the map's batch failed.
            sqs-s3) contains 059f36b4-87a3-44ab-83d2-661975830a7d "$output" ;;
            *) contains "hindi-1.wav" "$output" ;;
        esac
    done
    aws s3 cp --quiet "$recording" "s3://$(output BucketName)/recordings/hin/hindi-1.wav"
    within 30 object transcripts/hin/hindi-1.wav.json
    run deploy invoke "$state/event.json"
    [ "$status" = 0 ] || fail "$output"
    contains true "$(jq -c '.[].ok' <<<"$output")"
    run object transcripts/elsewhere.json
    [ "$status" != 0 ]
}

@test "the distributed map is what Step Functions reads" {
    definition=$(aws stepfunctions describe-state-machine --state-machine-arn "$(output StateMachineArn)" --query definition \
        --output text)
    [ "$(jq .States.Recordings.MaxConcurrency <<<"$definition")" = 20 ]
    [ "$(jq .States.Recordings.ItemBatcher.MaxItemsPerBatch <<<"$definition")" = 5 ]
    [ "$(jq .States.Recordings.ToleratedFailurePercentage <<<"$definition")" = 10 ]
    [ "$(jq -r .States.Recordings.ItemReader.Parameters.Bucket <<<"$definition")" = "$(output BucketName)" ]
}

@test "deploying the same again is success and changes nothing" {
    run deploy
    [ "$status" = 0 ] || fail "$output"
    contains "No changes to deploy" "$output"
    [ "$(live)" = 1 ]
}

@test "alarms, with topic: changing a parameter keeps the others" {
    run deploy --alarm-email ops@example.com deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(live)" = 2 ]
    topic=$(aws cloudformation describe-stack-resource --stack-name test-stack --logical-resource-id AlarmTopic \
        --query StackResourceDetail.PhysicalResourceId --output text)
    alarms=$(aws cloudwatch describe-alarms --alarm-name-prefix test-stack)
    for alarm in "Errors 600 5" "Duration 600 300000" "Throttles 300 0" "ApproximateAgeOfOldestMessage 300 3600" \
        "5XXError 300 5" "ApproximateNumberOfMessagesVisible 300 0"; do
        read -r metric period threshold <<<"$alarm"
        jq --exit-status --arg topic "$topic" --arg metric "$metric" --argjson period "$period" --argjson threshold "$threshold" \
            '.MetricAlarms[] | select(.MetricName == $metric and .Period == $period and .Threshold == $threshold
                and .AlarmActions == [$topic])' <<<"$alarms" >/dev/null || fail "no $alarm" "$alarms"
    done
    # Options are not needed again.
    "$deploy" --stack-name test-stack deploy
    [ "$(aws lambda get-function-configuration --function-name test-stack --query MemorySize)" = 3008 ]
    [ "$(live)" = 2 ]
}

@test "new code is shipped" {
    # Another program: the same with a byte more at its end.
    cp "$program" "$state/program"
    printf x >>"$state/program"
    before=$(aws lambda get-function --function-name test-stack:live --query Configuration.CodeSha256 --output text)
    run deploy --binary "$state/program"
    [ "$status" = 0 ] || fail "$output"
    [ "$(live)" = 3 ]
    [ "$(aws lambda get-function --function-name test-stack:live --query Configuration.CodeSha256 --output text)" != "$before" ]
    deploy --url "$(api)" test
}

@test "a new method reaches the stage" {
    # With an origin there is a method for preflight requests, which need no key.
    [ "$(request --request OPTIONS "$(api)/speech-to-text")" = 403 ]
    "$deploy" --stack-name test-stack --set CorsOrigins=https://example.com deploy
    [ "$(request --request OPTIONS --header "origin: https://example.com" --header "access-control-request-method: POST" \
        "$(api)/speech-to-text")" = 200 ]
    [ "$(request "$(api)/health")" = 403 ]
    [ "$(live)" = 4 ]
}

@test "rollback makes the version before live, the next deployment the newest" {
    run deploy rollback
    [ "$status" = 0 ] || fail "$output"
    [ "$(live)" = 3 ]
    deploy --url "$(api)" test
    run "$deploy" --stack-name test-stack deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(live)" = 4 ]
}

@test "old versions are forgotten, the newest three stay" {
    versions=$(aws lambda list-versions-by-function --function-name test-stack --query 'Versions[].Version' --output text)
    [ "$(xargs <<<"$versions")" = "\$LATEST 2 3 4" ] || fail "$versions"
}

@test "warm: environments that are always there, and back" {
    run deploy warm provisioned 2
    [ "$status" = 0 ] || fail "$output"
    [ "$(aws lambda get-provisioned-concurrency-config --function-name test-stack --qualifier live \
        --query RequestedProvisionedConcurrentExecutions)" = 2 ]
    run deploy warm none
    [ "$status" = 0 ] || fail "$output"
    run aws lambda get-provisioned-concurrency-config --function-name test-stack --qualifier live
    [ "$status" != 0 ]
    run deploy warm
    [ "$status" = 2 ]
}

@test "an update that fails says why and leaves what is live" {
    before=$(live)
    run "$deploy" --stack-name test-stack --memory 99 deploy
    [ "$status" = 1 ]
    contains MemorySize "$output"
    [ "$(live)" = "$before" ]
    [ "$(request --header "x-api-key: $(key)" "$(api)/health")" = 200 ]
}

@test "cleanup asks; it keeps recordings and images" {
    bucket=$(output BucketName)
    # The emulator leaves out the tags of buckets in templates.
    aws s3api put-bucket-tagging --bucket "$bucket" --tagging 'TagSet=[{Key=indic-seamless-stack,Value=test-stack}]'
    run deploy cleanup </dev/null
    [ "$status" = 1 ]
    contains "--yes" "$output"
    [ "$(live)" ]
    run deploy --yes cleanup
    [ "$status" = 0 ] || fail "$output"
    contains "$bucket" "$output"
    run aws cloudformation describe-stacks --stack-name test-stack
    [ "$status" != 0 ]
    aws s3api head-object --bucket "$bucket" --key transcripts/hin/one.wav.json
    aws ecr describe-repositories --repository-names test-stack
}

@test "after a cleanup it deploys again, beside the bucket that was kept" {
    run deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(request --header "x-api-key: $(key)" "$(api)/health")" = 200 ]
}

@test "cleanup --all removes everything it made and nothing else" {
    aws s3api create-bucket --bucket test-stack-of-another >/dev/null
    aws ecr create-repository --repository-name test-stack-other >/dev/null
    run deploy --yes cleanup --all
    [ "$status" = 0 ] || fail "$output"
    [ "$(aws s3api list-buckets --query 'Buckets[].Name' --output text | tr '\t' '\n' | grep -v emulator | xargs)" = test-stack-of-another ]
    [ "$(aws ecr describe-repositories --query 'repositories[].repositoryName' --output text)" = test-stack-other ]
    [ "$(aws lambda list-functions --query 'length(Functions)')" = 0 ]
    [ "$(aws apigateway get-rest-apis --query 'length(items)')" = 0 ]
    [ "$(aws apigateway get-api-keys --query 'length(items)')" = 0 ]
    [ "$(sqs list-queues --query 'length(QueueUrls || `[]`)')" = 0 ]
    [ "$(aws logs describe-log-groups --log-group-name-prefix /aws/lambda/test-stack --query 'length(logGroups)')" = 0 ]
    [ "$(aws cloudwatch describe-alarms --query 'length(MetricAlarms)')" = 0 ]
    [ "$(aws stepfunctions list-state-machines --query 'length(stateMachines)')" = 0 ]
    [ "$(aws iam list-roles --query "length(Roles[?contains(RoleName, 'test-stack')])")" = 0 ]
    # Again there is nothing to do, which is no failure.
    deploy --yes cleanup --all
}
