# shellcheck shell=bash
# What the files share. Everything that a test makes is under bats' own temporary folders.

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
deploy=$root/deploy/deploy.sh
program=${INDIC_SEAMLESS_BINARY:-$root/target/deploy/indic-seamless-lambda}
recording=$root/examples/audio/hindi-1.wav

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true AWS_PAGER=""
# Nothing of the person who runs the tests.
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset HF_TOKEN HUGGINGFACE_HUB_TOKEN HF_ENDPOINT AWS_PROFILE MEMORY_SIZE TIMEOUT LOG_LEVEL
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
# No container engine is needed: buildah works as root in a chroot. Its images are the tests' own.
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF=$BATS_RUN_TMPDIR/storage.conf
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/images"\nrunroot = "%s/run"\n' "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR" \
    >"$CONTAINERS_STORAGE_CONF"

# Fails with what was found.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# $1 is in $2.
contains() { case $2 in *"$1"*) ;; *) fail "no '$1' in:" "$2" ;; esac; }
lacks() { case $2 in *"$1"*) fail "'$1' in:" "$2" ;; esac; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Runs the rest of the command until it succeeds, for at most $1 seconds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "not in time: $*" || return 1
        sleep 0.3
    done
}

stop() {
    local pid
    for pid in "$@"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

# A registry on this machine: sets `registry` and `registry_pid`.
start_registry() {
    local port
    port=$(free_port)
    registry=localhost:$port
    cat >"$BATS_FILE_TMPDIR/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $BATS_FILE_TMPDIR/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
END
    docker-registry serve "$BATS_FILE_TMPDIR/registry.yml" >"$BATS_FILE_TMPDIR/registry.log" 2>&1 3>&- &
    registry_pid=$!
    within 20 curl --fail --silent "http://$registry/v2/"
}

# A registry and an emulated AWS for a whole file; tests keep what they need in $state.
start_aws() {
    local port
    state=$BATS_FILE_TMPDIR
    start_registry
    port=$(free_port)
    endpoint=http://127.0.0.1:$port
    # Functions must find it too.
    AWS_ENDPOINT_URL=$endpoint BIND_HOST=127.0.0.1 GATEWAY_PORT=$port ministack >"$state/ministack.log" 2>&1 3>&- &
    ministack_pid=$!
    within 60 curl --fail --silent "$endpoint/_ministack/health"
    export state registry registry_pid ministack_pid endpoint AWS_ENDPOINT_URL=$endpoint
    export PATH=$root/tests/deploy/emulator:$PATH HOME=$state XDG_CACHE_HOME=$state/cache
}

# --- The stack test-stack, once it is deployed ---

# $1: name of an output of the stack.
output() {
    aws cloudformation describe-stacks --stack-name test-stack --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

# The live version; $1: -batch for that of the function for recordings.
live() { aws lambda get-alias --function-name "test-stack${1:-}" --name live --query FunctionVersion --output text; }

# The API where the emulator serves it.
api() { printf '%s/restapis/%s/prod/_user_request_' "$endpoint" "$(output ApiGatewayId)"; }

key() { aws apigateway get-api-key --include-value --query value --output text --api-key "$(output ApiKeyId)"; }

# The status of curl's answer, which goes to $state/answer.
request() { curl --silent --output "$state/answer" --write-out '%{http_code}' "$@"; }

object() { aws s3api head-object --bucket "$(output BucketName)" --key "$1"; }

waiting() {
    aws sqs get-queue-attributes --queue-url "$(output "$1")" --attribute-names ApproximateNumberOfMessages \
        --query Attributes.ApproximateNumberOfMessages --output text
}
