# shellcheck shell=bash
# The stack: created or updated only where something changes.

deploy() {
    local name value overrides=() template release status
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
    # What is not given stays as it is: a bare call must not undo an earlier --memory. All are named, defaults too, so that
    # the first deployment and the next one, which finds them in the stack, come to the same release.
    while IFS=$'\t' read -r name value; do
        [ -z "$name" ] || [ -n "${parameters[$name]+given}" ] || [ "$value" = None ] || parameters[$name]=$value
    done < <(
        [ -z "$status" ] || stack_query 'Parameters[].[ParameterKey,ParameterValue]'
        echo
        aws cloudformation validate-template --template-body "file://$here/stack.yaml" --output text \
            --query 'Parameters[].[ParameterKey,DefaultValue]'
    )
    if [ -n "$image" ]; then
        parameters[ImageUri]=$image
    elif [ -f "$pending" ]; then
        parameters[ImageUri]=$(cat "$pending")
    fi
    [ -n "${parameters[ImageUri]:-}" ] || die "no image: build and push first, or name one with --image"
    parameters[Architecture]=${parameters[Architecture]:-$arch}
    while read -r name; do overrides+=("$name=${parameters[$name]}"); done < <(printf '%s\n' "${!parameters[@]}" | sort)

    # New names for what AWS makes once and never changes (see stack.yaml), if and only if anything is new.
    release=$({ cat "$here/stack.yaml" && printf '%s\n' "${overrides[@]}"; } | sha256sum | cut -c 1-12)
    template=$(mktemp)
    sed "s/Release0/Release$release/g" "$here/stack.yaml" >"$template"
    say "deploying ${parameters[ImageUri]} as $stack in $region"
    if ! aws cloudformation deploy --stack-name "$stack" --template-file "$template" --capabilities CAPABILITY_IAM \
        --no-fail-on-empty-changeset --tags "indic-seamless-stack=$stack" --parameter-overrides "${overrides[@]}" >&2; then
        rm "$template"
        say "the reasons, newest first:"
        failures
        die "the stack was not deployed"
    fi
    rm -f "$template" "$pending"
    point_live_to "$(output LiveVersion)"
    forget_old_versions
    say "API: $(output ApiGatewayUrl)"
    say "version $(live_version) is live; its API key: deploy.sh status"
}

failures() {
    aws cloudformation describe-stack-events --stack-name "$stack" --output text --max-items 10 --query \
        "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]" >&2 || true
}

live_version() {
    aws lambda get-alias --function-name "$stack" --name live --query FunctionVersion --output text
}

# Numbers of all versions, oldest first.
versions() {
    aws lambda list-versions-by-function --function-name "$stack" --query 'Versions[].Version' --output text |
        tr '\t' '\n' | grep '^[0-9]' | sort -n
}

# CloudFormation leaves the alias alone where its own record says that nothing changed, as after a rollback.
point_live_to() {
    [ "$(live_version)" != "$1" ] || return 0
    aws lambda update-alias --function-name "$stack" --name live --function-version "$1" >/dev/null
    say "live: version $1"
}

# Keeps the newest three and the live one. A version with a snapshot costs money as long as it exists.
forget_old_versions() {
    local version live
    live=$(live_version)
    for version in $(versions | head -n -3); do
        [ "$version" != "$live" ] || continue
        say "deleting version $version"
        aws lambda delete-function --function-name "$stack" --qualifier "$version"
    done
}

rollback() {
    local live previous
    need_output LambdaFunctionName >/dev/null
    live=$(live_version)
    previous=$(versions | awk -v live="$live" '$1 < live' | tail -n 1)
    [ -n "$previous" ] || die "version $live is live, and there is none before it"
    point_live_to "$previous"
    say "version $live was live; the next deploy makes its release live again"
}

warm() {
    [ $# -ge 1 ] || wrong_usage "warm needs none, snapstart or provisioned"
    need_output LambdaFunctionName >/dev/null
    parameters[WarmMode]=$1
    [ -z "${2:-}" ] || parameters[ProvisionedConcurrency]=$2
    deploy
}

delete_stack() {
    aws cloudformation delete-stack --stack-name "$stack"
    aws cloudformation wait stack-delete-complete --stack-name "$stack" || {
        failures
        die "stack $stack was not deleted"
    }
}

# Buckets that the stack made: its own, and by their tag those that earlier cleanups kept.
our_buckets() {
    local name own
    own=$(output BucketName)
    [ -z "$own" ] || printf '%s\n' "$own"
    for name in $(aws s3api list-buckets --query "Buckets[?starts_with(Name, '$stack-')].Name" --output text); do
        [ "$name" != None ] && [ "$name" != "$own" ] || continue
        [ "$(aws s3api get-bucket-tagging --bucket "$name" --output text \
            --query "TagSet[?Key=='indic-seamless-stack'].Value" 2>/dev/null)" != "$stack" ] || printf '%s\n' "$name"
    done
}

our_repository() {
    local arn
    arn=$(aws ecr describe-repositories --repository-names "$stack" --query 'repositories[0].repositoryArn' --output text \
        2>/dev/null) || return 0
    [ "$(aws ecr list-tags-for-resource --resource-arn "$arn" --output text \
        --query "tags[?Key=='indic-seamless-stack'].Value")" != "$stack" ] || printf '%s' "$stack"
}

cleanup() {
    local all="" buckets repository_name bucket what
    [ "${1:-}" != --all ] || all=1
    need_region
    buckets=$(our_buckets)
    repository_name=$(our_repository)
    what="This deletes the stack $stack in $region."
    if [ -n "$all" ]; then
        what+=" With everything it made: recordings and transcripts in ${buckets//$'\n'/, }"
        what+=", the images in repository ${repository_name:-(none)}."
    fi
    confirm "$what"
    if [ -n "$(stack_query StackStatus)" ]; then delete_stack; fi
    rm -f "$pending"
    if [ -z "$all" ]; then
        say "deleted the stack; kept: bucket ${buckets:-(none)}, repository ${repository_name:-(none)}"
        return
    fi
    for bucket in $buckets; do
        aws s3 rb --force "s3://$bucket" >/dev/null
        say "deleted bucket $bucket"
    done
    if [ -n "$repository_name" ]; then
        aws ecr delete-repository --repository-name "$repository_name" --force >/dev/null
        say "deleted repository $repository_name"
    fi
    say "nothing is left"
}
