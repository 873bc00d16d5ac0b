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
    for tool in aws curl python3 sha256sum; do
        if command -v $tool >/dev/null; then good "$tool"; else bad "$tool"; fi
    done
    if (pick_engine) 2>/dev/null; then
        pick_engine
        good "$engine"
        if [ "$engine" = docker ] && ! docker buildx version >/dev/null 2>&1; then bad "docker buildx (builds with contexts)"; fi
    else
        bad "docker, podman or buildah"
    fi
    if [ "$arch" != "$(uname -m | sed 's/aarch64/arm64/')" ] && [ -z "$binary" ]; then
        say "note     building for $arch on another processor is emulated, and slow"
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
        if [ "${precision:-int8}" = int8 ]; then
            if command -v cargo >/dev/null; then good "cargo, to quantise"; else bad "cargo, to quantise (rustup.rs)"; fi
        fi
        if [ -z "$hf_token$hf_secret" ] && [ ! -d "$cache" ]; then
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
    need_output LambdaFunctionName >/dev/null
    printf 'stack\t%s\n' "$(stack_query StackStatus)"
    stack_query 'Outputs[].[OutputKey,OutputValue]'
    echo
    printf 'live version\t%s of %s\n' "$(live_version)" "$(versions | paste -sd ' ')"
    printf 'image\t%s\n' "$(stack_query "Parameters[?ParameterKey=='ImageUri'].ParameterValue")"
    printf 'alarms\t%s\n' "$(aws cloudwatch describe-alarms --alarm-name-prefix "$stack-" --state-value ALARM \
        --query 'MetricAlarms[].AlarmDescription' --output text)"
    printf 'API key\taws apigateway get-api-key --include-value --query value --output text --region %s --api-key %s\n' \
        "$region" "$(output ApiKeyId)"
}

# Called by `test`.
smoke_test() {
    local base key failed=0 answer
    base=${url:-$(need_output ApiGatewayUrl)}
    key=$(aws apigateway get-api-key --include-value --query value --output text --api-key "$(need_output ApiKeyId)")
    answer=$(mktemp)
    # $1: status wanted, $2: text in the answer, then curl's arguments. The key is passed by standard input.
    check() {
        local wanted=$1 text=$2 got
        shift 2
        got=$(curl --config - --silent --show-error --max-time 120 --output "$answer" --write-out '%{http_code}' "$@") || got="no answer"
        if [ "$got" = "$wanted" ] && grep -q -- "$text" "$answer"; then
            say "ok      ${*: -1}: $got"
        else
            say "FAILED  ${*: -1}: $got instead of $wanted with $text: $(head -c 300 "$answer")"
            failed=1
        fi
    }
    with_key() { check "$@" <<<"header = \"x-api-key: $key\""; }
    check 403 . "$base/health" <<<""
    with_key 200 '"status":"ready"' "$base/ready"
    with_key 200 '"healthy"' "$base/health"
    with_key 200 '"hin"' "$base/supported-languages"
    with_key 200 '"transcription":"' --form "audio=@$root/examples/audio/hindi-1.wav" --form target_lang=hin "$base/speech-to-text"
    with_key 422 '"unknown_language"' --form "audio=@$root/examples/audio/hindi-1.wav" --form target_lang=xyz "$base/speech-to-text"
    rm "$answer"
    [ "$failed" = 0 ] || die "the API does not answer as it should"
}

# Not by `aws logs tail`, which only the second version of the CLI has.
logs() {
    local group since line
    group=$(need_output LogGroupName)
    since=$(($(date +%s) * 1000 - 3600000))
    while true; do
        while IFS=$'\t' read -r line; do
            [ -n "$line" ] && [ "$line" != None ] || continue
            printf '%s\n' "${line#*$'\t'}"
            since=$((${line%%$'\t'*} + 1))
        done < <(aws logs filter-log-events --log-group-name "$group" --start-time "$since" --output text \
            --query 'events[].[timestamp,message]')
        [ "${1:-}" = --follow ] || return 0
        sleep 2
    done
}

invoke() {
    local event=${1:-$here/events/minimal.json} answer error
    [ -f "$event" ] || die "no file $event"
    need_output LambdaFunctionName >/dev/null
    answer=$(mktemp)
    # fileb: the first version of the CLI and the second understand it alike.
    error=$(aws lambda invoke --function-name "$stack" --qualifier live --payload "fileb://$event" \
        --query FunctionError --output text "$answer")
    cat "$answer"
    echo
    rm "$answer"
    [ "$error" = None ] || die "the function failed: $error"
}
