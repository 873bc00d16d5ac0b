# shellcheck shell=bash
# What is kept and what is deleted: backup, restore, cleanup.

# Writes the settings and the transcripts into folder $1: enough to deploy the same again, here or in another account.
backup() {
    local bucket
    [ $# = 1 ] || wrong_usage "backup needs a folder"
    bucket=$(need_output BucketName)
    mkdir -p "$1/transcripts"
    stack_query 'Parameters[].[ParameterKey,ParameterValue]' | sed $'s/\t/=/' | sort >"$1/parameters"
    aws s3 sync --only-show-errors "s3://$bucket/transcripts" "$1/transcripts"
    say "saved the settings and $(find "$1/transcripts" -type f | wc -l | tr -d ' ') results in $1"
}

# Deploys with the settings in folder $1, unless others are given, and puts the transcripts back that are missing.
restore() {
    local name value bucket
    [ $# = 1 ] && [ -f "$1/parameters" ] || wrong_usage "restore needs a folder that backup has written"
    while IFS='=' read -r name value; do
        case $name in
            ImageUri) [ -n "$image" ] || [ -f "$pending" ] || image=$value ;;
            Architecture) [ -n "$image_arch" ] || image_arch=$value ;;
            *) ! is_parameter "$name" || has_parameter "$name" || set_parameter "$name" "$value" ;;
        esac
    done <"$1/parameters"
    deploy
    bucket=$(need_output BucketName)
    aws s3 sync --only-show-errors "$1/transcripts" "s3://$bucket/transcripts"
    say "restored from $1"
}

# Buckets that the stack made: its own, and by their tag those that earlier cleanups kept. Of all regions there is one list, and
# in another one a stack may have the same name.
our_buckets() {
    local names name own tag where
    own=$(output BucketName) || exit
    [ -z "$own" ] || printf '%s\n' "$own"
    names=$(aws s3api list-buckets --query "Buckets[?starts_with(Name, '$stack-')].Name" --output text) || exit
    for name in $names; do
        [ "$name" != None ] && [ "$name" != "$own" ] || continue
        if ! tag=$(aws s3api get-bucket-tagging --bucket "$name" --output text \
            --query "TagSet[?Key=='indic-seamless-stack'].Value" 2>&1); then
            case $tag in
                *NoSuchTagSet* | *NoSuchBucket*) ;;
                *AccessDenied*) say "note: bucket $name is left alone, as its tags may not be read" ;;
                *) die "$tag" ;;
            esac
            continue
        fi
        [ "$tag" = "$stack" ] || continue
        where=$(aws s3api get-bucket-location --bucket "$name" --query LocationConstraint --output text) || exit
        case $where in
            None) where=us-east-1 ;;
            # What old buckets say.
            EU) where=eu-west-1 ;;
        esac
        [ "$where" != "$region" ] || printf '%s\n' "$name"
    done
}

our_repository() {
    local arn tag
    if ! arn=$(aws ecr describe-repositories --repository-names "$stack" --query 'repositories[0].repositoryArn' --output text \
        2>&1); then
        case $arn in *RepositoryNotFoundException*) return 0 ;; esac
        die "$arn"
    fi
    tag=$(aws ecr list-tags-for-resource --resource-arn "$arn" --output text \
        --query "tags[?Key=='indic-seamless-stack'].Value") || exit
    [ "$tag" != "$stack" ] || printf '%s' "$stack"
}

cleanup() {
    local all="" buckets repository_name bucket what status
    [ "${1:-}" != --all ] || all=1
    need_region
    buckets=$(our_buckets)
    repository_name=$(our_repository)
    status=$(stack_query StackStatus)
    what="This deletes the stack $stack in $region."
    if [ -n "$all" ]; then
        what+=" With everything it made: recordings and transcripts in ${buckets//$'\n'/, }"
        what+=", the images in repository ${repository_name:-(none)}."
    fi
    confirm "$what"
    if [ -n "$status" ]; then delete_stack; fi
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
