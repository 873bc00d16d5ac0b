# shellcheck shell=bash
# The stack: created or updated only where something changes.

deploy() {
    local name overrides=() template release status
    need_region
    status=$(stack_query StackStatus)
    case $status in
        # A stack whose creation failed can only be deleted; it holds nothing.
        ROLLBACK_COMPLETE | REVIEW_IN_PROGRESS)
            say "deleting what is left of a creation that failed"
            delete_stack
            status=""
            ;;
        *_IN_PROGRESS) die "stack $stack is $status: wait until it is done" ;;
        *FAILED) die "stack $stack is $status: see 'status' and README.md, Troubleshooting" ;;
    esac
    complete_parameters "$status"
    while read -r name; do
        [ -z "$name" ] || overrides+=("$name")
    done < <(printf '%s\n' "$parameters" | sort)

    # New names for what AWS makes once and never changes (see stack.yaml), if and only if anything is new.
    release=$({ cat "$here/stack.yaml" && printf '%s\n' "${overrides[@]}"; } | sha256 | cut -c 1-12)
    template=$(mktemp)
    sed "s/Release0/Release$release/g" "$here/stack.yaml" >"$template"
    say "deploying $(parameter ImageUri) for $(parameter Architecture) as $stack in $region"
    if ! aws cloudformation deploy --stack-name "$stack" --template-file "$template" --capabilities CAPABILITY_IAM \
        --no-fail-on-empty-changeset --tags "indic-seamless-stack=$stack" --parameter-overrides "${overrides[@]}" >&2; then
        rm "$template"
        say "the reasons, newest first:"
        failures
        die "the stack was not deployed"
    fi
    rm -f "$template" "$pending"
    point_live_to "$stack" "$(output LiveVersion)"
    point_live_to "$stack-batch" "$(output BatchLiveVersion)"
    forget_old_versions "$stack"
    forget_old_versions "$stack-batch"
    say "API: $(output ApiGatewayUrl)"
    say "version $(live_version "$stack") is live; its API key: deploy.sh status"
}

# Fills in what is not given. What is deployed stays as it is: a bare call must not undo an earlier --memory. All are named,
# defaults too, so that the first deployment and the next one, which finds them in the stack, come to the same release.
# $1: the stack's status, empty if there is none.
complete_parameters() {
    local name value deployed defaults deployed_image="" deployed_arch=""
    if [ -n "$1" ]; then
        # Not read from a process: if that failed, nothing would be known of the stack, and all settings be reset.
        deployed=$(stack_query 'Parameters[].[ParameterKey,ParameterValue]')
        while IFS=$'\t' read -r name value; do
            [ "$value" != None ] || value=""
            case $name in
                "") continue ;;
                ImageUri) deployed_image=$value ;;
                Architecture) deployed_arch=$value ;;
            esac
            if ! is_parameter "$name"; then
                say "note: this version has no parameter $name, which was $value"
            elif ! has_parameter "$name"; then
                set_parameter "$name" "$value"
            fi
        done <<<"$deployed"
    fi
    choose_image "$deployed_image" "$deployed_arch"
    defaults=$(aws cloudformation validate-template --template-body "file://$here/stack.yaml" --output text \
        --query 'Parameters[].[ParameterKey,DefaultValue]')
    while IFS=$'\t' read -r name value; do
        [ "$value" != None ] || value=""
        [ -z "$name" ] || has_parameter "$name" || set_parameter "$name" "$value"
    done <<<"$defaults"
}

# Image and processor go together: an image runs on the one that it was built for. $1, $2: those that are deployed.
choose_image() {
    local of=""
    if [ -n "$image" ]; then
        of=$image_arch
    elif [ -f "$pending" ]; then
        read -r image of <"$pending" || true
    else
        image=$1 of=$2
    fi
    [ -n "$image" ] || die "no image: build and push first, or name one with --image"
    [ -n "$of" ] || of=${arch_given:-${2:-$arch}}
    [ -z "$arch_given" ] || [ "$arch_given" = "$of" ] || die "$image is for $of: build and push one for $arch_given"
    set_parameter ImageUri "$image"
    set_parameter Architecture "$of"
}

failures() {
    aws cloudformation describe-stack-events --stack-name "$stack" --output text --max-items 10 --query \
        "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" >&2 || true
}

# In what follows, $1 is a function: the stack's name for requests, with -batch for recordings in the bucket.

live_version() {
    aws lambda get-alias --function-name "$1" --name live --query FunctionVersion --output text
}

# The versions that the alias gives a share of the calls, besides the live one.
weighted_versions() {
    aws lambda get-alias --function-name "$1" --name live --output text \
        --query 'keys(RoutingConfig.AdditionalVersionWeights || `{}`)' | tr '\t' '\n' | grep '^[0-9]' || true
}

# Numbers of all versions, oldest first.
versions() {
    aws lambda list-versions-by-function --function-name "$1" --query 'Versions[].Version' --output text |
        tr '\t' '\n' | grep '^[0-9]' | sort -n
}

# All calls go to version $2. CloudFormation leaves the alias alone where its own record says that nothing changed, as after a
# rollback, and it leaves shares of other versions.
point_live_to() {
    [ "$(live_version "$1")" != "$2" ] || [ -n "$(weighted_versions "$1")" ] || return 0
    aws lambda update-alias --function-name "$1" --name live --function-version "$2" \
        --routing-config '{"AdditionalVersionWeights": {}}' >/dev/null
    say "$1: version $2 is live"
}

# Keeps the newest three and those that are called. A version with a snapshot costs money as long as it exists.
forget_old_versions() {
    local version kept
    kept=$(live_version "$1" && weighted_versions "$1")
    for version in $(versions "$1" | awk '{ v[NR] = $0 } END { for (i = 1; i <= NR - 3; i++) print v[i] }'); do
        ! grep -qx "$version" <<<"$kept" || continue
        say "$1: deleting version $version"
        aws lambda delete-function --function-name "$1" --qualifier "$version"
    done
}

rollback() {
    local live previous name
    need_output LambdaFunctionName >/dev/null
    live=$(live_version "$stack")
    previous=$(versions "$stack" | awk -v live="$live" '$1 < live' | tail -n 1)
    [ -n "$previous" ] || die "version $live is live, and there is none before it"
    for name in "$stack" "$stack-batch"; do
        live=$(live_version "$name")
        previous=$(versions "$name" | awk -v live="$live" '$1 < live' | tail -n 1)
        if [ -n "$previous" ]; then point_live_to "$name" "$previous"; fi
    done
    say "the next deploy makes its release live again"
}

warm() {
    [ $# -ge 1 ] || wrong_usage "warm needs none, snapstart or provisioned"
    need_output LambdaFunctionName >/dev/null
    set_parameter WarmMode "$1"
    [ -z "${2:-}" ] || set_parameter ProvisionedConcurrency "$2"
    deploy
}

# Nothing runs any more, and nothing is lost: requests get 429, messages wait in the queue.
stop() {
    local mapping
    mapping=$(need_output QueueMappingId)
    # First the queue: a message that finds no environment counts as an attempt.
    aws lambda update-event-source-mapping --uuid "$mapping" --no-enabled >/dev/null
    aws lambda put-function-concurrency --function-name "$stack" --reserved-concurrent-executions 0 >/dev/null
    aws lambda put-function-concurrency --function-name "$stack-batch" --reserved-concurrent-executions 0 >/dev/null
    say "stopped: start lets $stack go on"
}

start() {
    local mapping reserved
    mapping=$(need_output QueueMappingId)
    reserved=$(stack_query "Parameters[?ParameterKey=='ReservedConcurrency'].ParameterValue")
    if [ "$reserved" = -1 ]; then
        aws lambda delete-function-concurrency --function-name "$stack"
    else
        aws lambda put-function-concurrency --function-name "$stack" --reserved-concurrent-executions "$reserved" >/dev/null
    fi
    aws lambda delete-function-concurrency --function-name "$stack-batch"
    aws lambda update-event-source-mapping --uuid "$mapping" --enabled >/dev/null
    say "started: $stack"
}

delete_stack() {
    aws cloudformation delete-stack --stack-name "$stack"
    aws cloudformation wait stack-delete-complete --stack-name "$stack" || {
        failures
        die "stack $stack was not deleted"
    }
}
