# shellcheck shell=bash
# Looking at what is deployed, and calling it.

preflight() {
    local bad=0 limit
    need_region
    good() { say "ok       $*"; }
    bad() {
        say "MISSING  $*"
        bad=1
    }
    for tool in aws curl python3; do
        if command -v $tool >/dev/null; then good "$tool"; else bad "$tool"; fi
    done
    if (pick_engine) 2>/dev/null; then
        pick_engine
        good "$engine"
        if [ "$engine" = docker ] && ! docker buildx version >/dev/null 2>&1; then bad "docker buildx (builds with contexts)"; fi
    else
        bad "docker, podman or buildah"
    fi
    if aws sts get-caller-identity >/dev/null 2>&1; then
        good "credentials for account $(aws sts get-caller-identity --query Account --output text), region $region"
        limit=$(aws lambda get-account-settings --query AccountLimit.UnreservedConcurrentExecutions --output text 2>/dev/null || true)
        if [ -n "$limit" ]; then say "note     the account may run $limit functions at once"; fi
    else
        bad "credentials (aws configure, or aws sso login)"
    fi
    if [ "$model" = demo ]; then
        good "the demo model"
    elif [ -n "$model" ]; then
        if [ -f "$model/config.json" ]; then good "model $model"; else bad "a checkpoint in $model"; fi
    else
        case ${precision:-int8} in
            int8 | int4)
                if command -v cargo >/dev/null; then good "cargo, to quantise"; else bad "cargo, to quantise (rustup.rs)"; fi
                ;;
        esac
        if [ -z "$hf_token$hf_secret" ] && [ ! -d "$cache/hub" ]; then
            bad "HF_TOKEN or --hf-secret, for the first download"
        fi
        # 6 GB of download, 1.5 GB in int8, and twice as much again in the engine's store and its cache.
        mkdir -p "$cache"
        if [ "$(df -Pk "$cache" | awk 'NR == 2 {print $4}')" -gt 16000000 ]; then
            good "16 GB free for weights and image"
        else
            bad "16 GB free under $cache for weights and image"
        fi
    fi
    [ "$bad" = 0 ] || die "preflight: something is missing"
}

status() {
    local name
    need_output LambdaFunctionName >/dev/null
    printf 'stack\t%s\n' "$(stack_query StackStatus)"
    stack_query 'Outputs[].[OutputKey,OutputValue]'
    echo
    for name in "$stack" "$stack-batch"; do
        printf 'live version\t%s of %s (%s)\n' "$(live_version "$name")" "$(versions "$name" | paste -sd ' ' -)" "$name"
    done
    printf 'image\t%s\n' "$(stack_query "Parameters[?ParameterKey=='ImageUri'].ParameterValue")"
    printf 'processor\t%s\n' "$(stack_query "Parameters[?ParameterKey=='Architecture'].ParameterValue")"
    printf 'alarms\t%s\n' "$(aws cloudwatch describe-alarms --alarm-name-prefix "$stack-" --state-value ALARM \
        --query 'MetricAlarms[].AlarmDescription' --output text)"
    if [ -n "$(output ApiKeyId)" ]; then
        printf 'API key\taws apigateway get-api-key --include-value --query value --output text --region %s --api-key %s\n' \
            "$region" "$(output ApiKeyId)"
    fi
}

# Called by `test`.
smoke_test() {
    local base key failed=0 answer end
    base=${url:-$(need_output ApiGatewayUrl)}
    key=$(aws apigateway get-api-key --include-value --query value --output text --api-key "$(need_output ApiKeyId)")
    answer=$(mktemp)
    # The status of the answer to $1, then curl's arguments, which goes to $answer. The key is passed by standard input.
    ask() {
        local key_line=$1
        shift
        curl --config - --silent --show-error --max-time 120 --output "$answer" --write-out '%{http_code}' "$@" \
            <<<"$key_line" || echo "no answer"
    }
    # $1: status wanted, $2: text in the answer, $3: line with the key, then curl's arguments.
    check() {
        local wanted=$1 text=$2 got
        shift 2
        got=$(ask "$@")
        if [ "$got" = "$wanted" ] && grep -q -- "$text" "$answer"; then
            say "ok      ${*: -1}: $got"
        else
            say "FAILED  ${*: -1}: $got instead of $wanted with $text: $(head -c 300 "$answer")"
            failed=1
        fi
    }
    with_key() {
        local wanted=$1 text=$2
        shift 2
        check "$wanted" "$text" "header = \"x-api-key: $key\"" "$@"
    }
    check 403 . "" "$base/health"
    # After idle time the first requests outlast the gateway's patience.
    end=$((SECONDS + 300))
    while [ $SECONDS -lt $end ]; do
        case $(ask "header = \"x-api-key: $key\"" "$base/ready" 2>/dev/null) in
            503 | 504) say "waiting for a cold start" && sleep 3 ;;
            *) break ;;
        esac
    done
    with_key 200 '"status":"ready"' "$base/ready"
    with_key 200 '"healthy"' "$base/health"
    with_key 200 '"hin"' "$base/supported-languages"
    with_key 200 '"transcription":"' --form "audio=@$root/examples/audio/hindi-1.wav" --form target_lang=hin "$base/speech-to-text"
    with_key 422 '"unknown_language"' --form "audio=@$root/examples/audio/hindi-1.wav" --form target_lang=xyz "$base/speech-to-text"
    rm "$answer"
    [ "$failed" = 0 ] || die "the API does not answer as it should"
}

# Milliseconds of $1, such as 90s, 30m, 2h or 7d.
milliseconds() {
    [[ $1 =~ ^([0-9]+)([smhd])$ ]] || wrong_usage "--since: a number and s, m, h or d, such as 30m, not $1"
    case ${BASH_REMATCH[2]} in
        s) echo $((BASH_REMATCH[1] * 1000)) ;;
        m) echo $((BASH_REMATCH[1] * 60000)) ;;
        h) echo $((BASH_REMATCH[1] * 3600000)) ;;
        *) echo $((BASH_REMATCH[1] * 86400000)) ;;
    esac
}

# Not by `aws logs tail`, which only the second version of the CLI has.
logs() {
    local group=LogGroupName since=1h follow="" line events filter=()
    while [ $# -gt 0 ]; do
        case $1 in
            --follow) follow=1 ;;
            --batch) group=BatchLogGroupName ;;
            --since) since=$2 && shift ;;
            # In quotes it is text, not a pattern.
            --search) filter=(--filter-pattern "\"$2\"") && shift ;;
            *) wrong_usage "logs: unknown $1" ;;
        esac
        shift
    done
    since=$(milliseconds "$since") || exit
    since=$(($(date +%s) * 1000 - since))
    group=$(need_output "$group")
    while true; do
        # Who follows the log goes on after a request that failed.
        events=$(aws logs filter-log-events --log-group-name "$group" --start-time "$since" --output text \
            --query 'events[].[timestamp,message]' ${filter[@]+"${filter[@]}"}) || [ -n "$follow" ] || exit
        while IFS=$'\t' read -r line; do
            [ -n "$line" ] && [ "$line" != None ] || continue
            printf '%s\n' "${line#*$'\t'}"
            since=$((${line%%$'\t'*} + 1))
        done <<<"$events"
        [ -n "$follow" ] || return 0
        sleep 2
    done
}

# Calls the function that the event is for.
invoke() {
    local event=${1:-$here/events/minimal.json} answer error name=$stack
    [ -f "$event" ] || die "no file $event"
    need_output LambdaFunctionName >/dev/null
    grep -qE '"(httpMethod|requestContext)"' "$event" || name=$stack-batch
    answer=$(mktemp)
    # fileb: the first version of the CLI and the second understand it alike.
    error=$(aws lambda invoke --function-name "$name" --qualifier live --payload "fileb://$event" \
        --query FunctionError --output text "$answer")
    cat "$answer"
    echo
    rm "$answer"
    [ "$error" = None ] || die "the function failed: $error"
}

# Tries the dead letters again.
redrive() {
    local arn
    arn=$(aws sqs get-queue-attributes --queue-url "$(need_output DeadLetterQueueUrl)" --attribute-names QueueArn \
        --query Attributes.QueueArn --output text)
    aws sqs start-message-move-task --source-arn "$arn" >/dev/null
    say "the dead letters are on their way back to the queue"
}
