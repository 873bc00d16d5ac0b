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
    [ "$(live) $(live -batch)" = "1 1" ]
    # Two functions of one image, each with its settings.
    for name in test-stack test-stack-batch; do
        aws lambda get-function-configuration --function-name $name --query Environment.Variables >"$state/$name.json"
    done
    [ "$(jq -r .INDIC_SEAMLESS_DEADLINE_S "$state/test-stack.json")" = 29 ]
    [ "$(jq -r .INDIC_SEAMLESS_RESPONSE "$state/test-stack.json")" = buffered ]
    [ "$(jq -r .INDIC_SEAMLESS_DEADLINE_S "$state/test-stack-batch.json")" = null ]
    [ "$(aws lambda get-function --function-name test-stack --query Configuration.CodeSha256)" = \
        "$(aws lambda get-function --function-name test-stack-batch --query Configuration.CodeSha256)" ]
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
    # With a stage, and by a custom domain with a base path.
    for event in rest-v1 custom-domain; do
        run deploy invoke "$root/deploy/events/$event.json"
        contains Hindi "$output"
    done
    run deploy invoke
    contains healthy "$output"
    printf '{"nonsense": 1}' >"$state/nonsense.json"
    run deploy invoke "$state/nonsense.json"
    [ "$status" = 1 ]
    contains IndicSeamlessPermanentError "$output"
    run deploy logs --batch --since 10m
    contains REPORT "$output"
    run deploy logs --search nowhere-to-be-found
    lacks REPORT "$output"
    run deploy logs
    [ "$status" = 0 ] || fail "$output"
    contains REPORT "$output"
    run timeout 8 "$deploy" --stack-name test-stack logs --follow
    [ "$status" = 124 ]
    [ "$(grep -c "^REPORT" <<<"$output")" -ge 7 ] || fail "$output"
    [ "$(grep "^REPORT" <<<"$output" | sort | uniq -d)" = "" ]
}

# What the role with the logical name $1 allows.
actions() {
    role=$(aws cloudformation describe-stack-resource --stack-name test-stack --logical-resource-id "$1" \
        --query StackResourceDetail.PhysicalResourceId --output text)
    aws iam get-role-policy --role-name "$role" --policy-name service --query 'PolicyDocument.Statement[].Action[]' \
        --output json | jq -r 'flatten | sort | unique | join(" ")'
}

@test "the functions may do what they need and no more" {
    both="logs:CreateLogStream logs:PutLogEvents s3:GetObject s3:ListBucket s3:PutObject"
    traces="xray:PutTelemetryRecords xray:PutTraceSegments"
    [ "$(actions Role)" = "$both $traces" ] || fail "$(actions Role)"
    [ "$(actions BatchRole)" = "$both sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage $traces" ] ||
        fail "$(actions BatchRole)"
    lacks "token" "$(cat "$state"/test-stack*.json)"
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

@test "a job from its upload to its result" {
    bytes=$(wc -c <"$recording")
    [ "$(request --header "x-api-key: $(key)" --data "{\"target_lang\": \"hin\", \"bytes\": $bytes}" "$(api)/v1/jobs")" = 201 ]
    cp "$state/answer" "$state/job"
    id=$(jq -r .id "$state/job")
    contains "/v1/jobs/$id" "$(jq -r .status_url "$state/job")"
    [ "$(request --header "x-api-key: $(key)" "$(api)/v1/jobs/$id")" = 200 ]
    [ "$(jq -r .status "$state/answer")" = waiting_for_upload ]
    [ "$(request --header "x-api-key: $(key)" "$(api)/v1/jobs/hin-67e55044-10b1-426f-9247-bb680e5fe0c8")" = 404 ]
    [ "$(request --upload-file "$recording" --header "if-none-match: *" "$(jq -r .upload.url "$state/job")")" = 200 ]
    finished() { request --header "x-api-key: $(key)" "$(api)/v1/jobs/$id" && [ "$(jq -r .status "$state/answer")" = "done" ]; }
    within 30 finished
    [ "$(jq -r .result.transcription "$state/answer")" = "कृपया आज का मौसम" ]
    contains '"words"' "$(cat "$state/answer")"
    [ "$(request "$(jq -r .urls.srt "$state/answer")")" = 200 ]
    [ "$(request --header "x-api-key: $(key)" "$(api)/openapi.json")" = 200 ]
    jq --exit-status '.paths["/v1/jobs"].post and .paths["/v1/jobs/{id}"].get' "$state/answer"
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

@test "what can never be transcribed is read once; what nobody understands goes to the dead letters; the others are done" {
    queue=$(output QueueUrl)
    # Six times the timeout is 6 minutes, too long for a test.
    aws sqs set-queue-attributes --queue-url "$queue" --attributes VisibilityTimeout=1
    for name in two three; do aws s3 cp --quiet "$recording" "s3://$(output BucketName)/recordings/hin/$name.wav"; done
    head -c 3000 /dev/urandom >"$state/poison.wav"
    aws s3 cp --quiet "$state/poison.wav" "s3://$(output BucketName)/recordings/hin/poison.wav"
    entries=$(jq -n --arg body "not an event" '[{Id: "a", MessageBody: $body}]')
    aws sqs send-message-batch --queue-url "$queue" --entries "$entries" >/dev/null
    for name in two three; do within 30 object transcripts/hin/$name.wav.json; done
    dead() { [ "$(waiting DeadLetterQueueUrl)" = 1 ]; }
    within 60 dead
    [ "$(waiting QueueUrl)" = 0 ]
    run object transcripts/hin/poison.wav.json
    [ "$status" != 0 ]
    contains "unsupported_audio" "$(aws s3 cp --quiet "s3://$(output BucketName)/transcripts/hin/poison.wav.error.json" -)"
    # The message had three attempts, the recording one.
    log=$("$deploy" --stack-name test-stack logs --batch)
    [ "$(grep -c "unreadable message" <<<"$log")" = 3 ] || fail "$log"
    [ "$(grep -c '"not transcribed".*poison.wav' <<<"$log")" = 1 ] || fail "$log"
    [ "$(grep -c FailedRecordings <<<"$log")" = 1 ] || fail "$log"
    # A map that finds it again is told at once, and that it need not try again.
    jq --arg bucket "$(output BucketName)" '{BatchInput: {bucket: $bucket}, Items: [{Key: "recordings/hin/poison.wav"}]}' \
        -n >"$state/event.json"
    run deploy invoke "$state/event.json"
    [ "$status" = 1 ]
    contains IndicSeamlessPermanentError "$output"
}

@test "a second language is a second transcript" {
    jq --arg bucket "$(output BucketName)" -n '{bucket: $bucket, key: "recordings/hin/one.wav", target_lang: "tam"}' >"$state/event.json"
    run deploy invoke "$state/event.json"
    [ "$status" = 0 ] || fail "$output"
    contains "transcripts/hin/one.wav.tam.json" "$output"
    object transcripts/hin/one.wav.tam.json
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
    [ "$(jq .States.Recordings.MaxConcurrency <<<"$definition")" = 4 ]
    # Only what may succeed later is tried again.
    jq --exit-status '[.States.Recordings.ItemProcessor.States.Transcribe.Retry[].ErrorEquals[]]
        | index("IndicSeamlessError") and (index("IndicSeamlessPermanentError") | not) and (index("States.ALL") | not)' <<<"$definition"
    contains "test-stack-batch:live" "$definition"
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
    for alarm in "Errors 600 5" "Duration 600 20000" "Throttles 300 0" "5XXError 300 5" "FailedRecordings 3600 10" \
        "ExecutionsFailed 300 0" "ApproximateNumberOfMessagesVisible 300 0"; do
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
    [ "$(live) $(live -batch)" = "3 3" ]
    deploy --url "$(api)" test
    run "$deploy" --stack-name test-stack deploy
    [ "$status" = 0 ] || fail "$output"
    [ "$(live) $(live -batch)" = "4 4" ]
}

@test "old versions are forgotten, the newest three stay" {
    for name in test-stack test-stack-batch; do
        versions=$(aws lambda list-versions-by-function --function-name $name --query 'Versions[].Version' --output text)
        [ "$(xargs <<<"$versions")" = "\$LATEST 2 3 4" ] || fail "$versions"
    done
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
    # That of a stack of the same name in another region.
    aws s3api create-bucket --bucket test-stack-abroad --region eu-west-1 \
        --create-bucket-configuration LocationConstraint=eu-west-1 >/dev/null
    aws s3api put-bucket-tagging --bucket test-stack-abroad --tagging 'TagSet=[{Key=indic-seamless-stack,Value=test-stack}]'
    aws ecr create-repository --repository-name test-stack-other >/dev/null
    run deploy --yes cleanup --all
    [ "$status" = 0 ] || fail "$output"
    [ "$(aws s3api list-buckets --query 'Buckets[].Name' --output text | tr '\t' '\n' | grep -v emulator | xargs)" = "test-stack-abroad test-stack-of-another" ]
    [ "$(aws ecr describe-repositories --query 'repositories[].repositoryName' --output text)" = test-stack-other ]
    [ "$(aws lambda list-functions --query 'length(Functions)')" = 0 ]
    [ "$(aws apigateway get-rest-apis --query 'length(items)')" = 0 ]
    [ "$(aws apigateway get-api-keys --query 'length(items)')" = 0 ]
    [ "$(aws sqs list-queues --query 'length(QueueUrls || `[]`)')" = 0 ]
    [ "$(aws logs describe-log-groups --log-group-name-prefix /aws/lambda/test-stack --query 'length(logGroups)')" = 0 ]
    [ "$(aws cloudwatch describe-alarms --query 'length(MetricAlarms)')" = 0 ]
    [ "$(aws stepfunctions list-state-machines --query 'length(stateMachines)')" = 0 ]
    [ "$(aws iam list-roles --query "length(Roles[?contains(RoleName, 'test-stack')])")" = 0 ]
    # Again there is nothing to do, which is no failure.
    deploy --yes cleanup --all
}
