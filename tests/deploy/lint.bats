#!/usr/bin/env bats
# What checkers say about templates, scripts, Dockerfile and events.

load helper

setup() { cd "$root/deploy" || return; }

@test "cfn-lint" {
    cfn-lint stack.yaml ecs.yaml access.yaml
}

@test "cfn-lint knows the properties that it lets pass" {
    sed 's/ResponseTransferMode/ResponseTransferMod/' stack.yaml >"$BATS_TEST_TMPDIR/stack.yaml"
    run cfn-lint "$BATS_TEST_TMPDIR/stack.yaml"
    [ "$status" != 0 ]
}

@test "sam validate --lint" {
    cd "$BATS_TEST_TMPDIR"
    SAM_CLI_TELEMETRY=0 sam validate --lint --region us-east-1 --template "$root/deploy/stack.yaml"
}

@test "checkov: no finding but those that the template answers in place" {
    for file in stack.yaml ecs.yaml access.yaml Dockerfile; do
        run checkov --file $file --compact --quiet --skip-download
        [ "$status" = 0 ] || fail "$output"
        contains "Failed checks: 0" "$output"
    done
}

@test "templates: no aliases of YAML, which CloudFormation does not read; small enough to be sent" {
    run grep -nE '(: |- )[&*][a-z]|<<:' stack.yaml ecs.yaml access.yaml
    [ "$status" = 1 ] || fail "$output"
    [ "$(wc -c <stack.yaml)" -lt 51200 ]
    [ "$(wc -c <ecs.yaml)" -lt 51200 ]
}

@test "settings, deadlines, alarms, policies: what the templates say together" {
    cd "$root/tests/deploy"
    run python3 -B -m unittest test_settings test_alarms test_access
    [ "$status" = 0 ] || fail "$output"
}

@test "hadolint" {
    hadolint Dockerfile
}

@test "images from a registry are pinned by digest, and the compiler is that of the toolchain" {
    while read -r image _; do
        case $image in
            scratch | base | binary | model | sources) ;;
            *) [[ $image =~ ^rust:[0-9.]+-[a-z]+@sha256:[0-9a-f]{64}$ ]] || fail "$image" ;;
        esac
    done < <(sed -nE 's/^FROM (--platform=\$BUILDPLATFORM )?//p' Dockerfile)
    channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' ../rust-toolchain.toml)
    grep -q "^FROM .*rust:${channel%.0}-" Dockerfile || fail "the toolchain is $channel"
}

@test "shellcheck" {
    shellcheck --external-sources deploy.sh compile.sh cross.sh
    cd "$root/tests/deploy"
    shellcheck run emulator/aws
    # Each file uses what others set, which shellcheck does not follow; and each test is a subshell.
    shellcheck --severity warning --exclude SC2034,SC2154,SC2030,SC2031,SC2119,SC2120 helper.bash ./*.bats
}

@test "deploy.sh runs on macOS: nothing that needs bash 4 or GNU's tools" {
    run grep -nE 'declare -[a-zA-Z]*[gA]|local -[a-zA-Z]*[nA]|mapfile|readarray|\$\{[a-zA-Z_]+(,,?|\^\^?)\}|&>>|\|&|head -n -|sed -i|date -d|\bsha256sum\b|paste -sd [^-]*$|readlink -f|stat -c' \
        deploy.sh compile.sh cross.sh lib/*.sh
    # Only the function that chooses between the two names of that tool.
    [ "$(grep -cv 'command -v sha256sum' <<<"$output")" = 0 ] || fail "$output"
}

@test "events are JSON" {
    for file in events/*.json; do jq --exit-status . "$file" >/dev/null || fail "$file"; done
}

@test "no secret in what is committed" {
    run grep -rnEi 'hf_[a-z0-9]{20}|AKIA[0-9A-Z]{16}|aws_secret_access_key *=' .
    [ "$status" = 1 ] || fail "$output"
    # The function's environment has no place for one.
    run grep -nEi 'token|secret|password' stack.yaml ecs.yaml Dockerfile
    lacks 'Type: String' "$output"
    lacks oken "$(sed -n '/Variables:/,/LOG_LEVEL/p' stack.yaml)"
}
