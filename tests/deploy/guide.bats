#!/usr/bin/env bats
# The commands of deploy/README.md, as they are written, in their order, on the emulator. Left out are those
# marked `# AWS` or `# Kubernetes`.
# Added to deploy.sh are only the options that put the demo model and the local registry in place of what is not here.

load helper

setup_file() { start_aws; }

teardown_file() { stop "$ministack_pid" "$registry_pid"; }

# The lines in the page's blocks of commands.
commands() { sed -n '/^```sh$/,/^```$/ {/^```/d; p}' "$root/deploy/README.md"; }

@test "there are commands, and some need AWS" {
    [ "$(commands | grep -c deploy/deploy.sh)" -ge 15 ]
    [ "$(commands | grep -c '# AWS$')" -ge 3 ]
}

@test "the commands of the page work" {
    {
        # In its place: the emulator's address of the API.
        echo 'emulated() { API=$AWS_ENDPOINT_URL/restapis/$(deploy/deploy.sh status | awk "\$1 == \"ApiGatewayId\" {print \$2}")/prod/_user_request_; }'
        commands | grep -vE '# (AWS|Kubernetes)$' | grep -v '^tests/deploy/run' | sed "
            s|^curl |curl --fail |
            s|^\(.*\) # until Ctrl-C\$|timeout 5 bash -c 'true; \1' \|\| [ \$? = 124 ]|
            s|^deploy/deploy.sh test|deploy/deploy.sh --url \"\$API\" test|
            s|^API=.*|&; emulated|"
    } | sed "s|deploy/deploy.sh|run_deploy|g" >"$state/guide"
    {
        echo 'set -euo pipefail'
        printf 'run_deploy() { %q --engine buildah --registry %q --binary %q --model demo "$@"; }\n' "$deploy" "$registry" "$program"
        echo 'export -f run_deploy'
        cat "$state/guide"
    } >"$state/guide.sh"
    # The page's folder, in which commands may leave files.
    mkdir "$state/tree"
    ln -s "$root/deploy" "$root/examples" "$state/tree"
    cd "$state/tree"
    run bash -x "$state/guide.sh"
    [ "$status" = 0 ] || fail "$output"
    contains "कृपया आज का मौसम" "$output"
    contains "nothing is left" "$output"
}

@test "what the guide of the Python service promised is in the page" {
    page=$(cat "$root/deploy/README.md")
    for promise in LOG_LEVEL=INFO "logs --follow" "logs --since 2h --search ERROR" "deploy.sh backup" "deploy.sh restore" \
        "deploy.sh stop" "deploy.sh start" "RestApi=no" "cloudtrail lookup-events" get-function-configuration \
        describe-stack-events "## Deploy from a pipeline" OIDC access.yaml github/deploy.yml; do
        contains "$promise" "$page"
    done
}

@test "what the page says of the files is so" {
    # Costs in its table are those that `cost` gives.
    while IFS='|' read -r _ requests cold dollars fargate _; do
        found=$("$deploy" cost --json --no-free-tier --requests "$(tr -d ', ' <<<"$requests")")
        row=$(jq -r '[(."cold share" * 1000 | round / 10), .total, ."always-on Fargate (2 vCPU, 4 GB) and load balancer"] | join(" ")' \
            <<<"$found")
        [ "$row" = "$(tr -d '$,%' <<<"$cold $dollars $fargate" | xargs)" ] || fail "$requests: $row instead of $cold $dollars $fargate"
    done < <(sed -n '/^| requests a day/,/^$/ {/^| [0-9]/p}' "$root/deploy/README.md")
    # Parameters that it names are in the template.
    for name in RecordingsDays TranscriptsDays AlarmTopicArn ThrottleRate ThrottleBurst QuotaPerDay QueueConcurrency \
        MapConcurrency ReservedConcurrency SubnetIds SecurityGroupIds FunctionUrl Tracing AccessLogs ApiTimeoutSeconds \
        BatchMemorySize RestApi RootPath; do
        grep -q "\b$name\b" "$root/deploy/README.md" || fail "$name is not in the page"
        grep -q "^  $name:" "$root/deploy/stack.yaml" || fail "$name is not in the template"
    done
}
