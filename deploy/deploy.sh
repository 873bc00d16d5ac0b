#!/usr/bin/env bash
# Builds the service's image, ships it and looks after it. `deploy.sh --help` says how; README.md explains.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

# shellcheck source=lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=lib/weights.sh
. "$here/lib/weights.sh"
# shellcheck source=lib/image.sh
. "$here/lib/image.sh"
# shellcheck source=lib/stack.sh
. "$here/lib/stack.sh"
# shellcheck source=lib/operate.sh
. "$here/lib/operate.sh"
# shellcheck source=lib/keep.sh
. "$here/lib/keep.sh"

usage() {
    cat <<'END'
usage: deploy.sh [OPTIONS] [COMMAND]

Without a command: build, push and deploy.
  preflight            check tools, credentials, quotas and model
  build                get and verify the weights, build the image
  push                 put the image into ECR
  deploy               create or update the stack, with the image pushed last, or else with the one it has
  status               what is deployed, and alarms
  test                 call the API: without key, with key, with a recording; waits for a cold start
  logs [OPTIONS]       the log of the last hour: --since 30m, --search TEXT, --follow; --batch for that of recordings
  invoke [FILE]        call the function with an event (events/minimal.json)
  warm MODE [N]        none, snapstart, or provisioned with N environments
  rollback             let the alias `live` point to the version before
  stop, start          run nothing until start; what waits in the queue waits on
  redrive              try the dead letters again
  backup FOLDER        save settings and transcripts
  restore FOLDER       deploy with saved settings, and put the transcripts back
  cost [OPTIONS]       dollars a month; `cost --help`
  cleanup [--all]      delete the stack; with --all also recordings, transcripts and images

options (a deployed stack keeps what is not given):
  --stack-name NAME    name of stack, function, repository (indic-seamless)
  --region REGION      AWS_REGION
  --memory MB          MEMORY_SIZE, 3008 to 10240
  --timeout SECONDS    TIMEOUT, 30 to 900
  --arch ARCH          x86_64 or arm64: of the image to build, and so of the functions (this machine's)
  --warm MODE          none, snapstart or provisioned
  --stage NAME         stage of the API
  --response MODE      buffered or streaming
  --alarm-email EMAIL  who is told of alarms
  --set NAME=VALUE     any parameter of stack.yaml
  LOG_LEVEL            in the environment: error, warn, info or debug

  --model DIR|demo     a checkpoint's folder, or the demo model, instead of the one that weights.sha256 names
  --precision P        int8 or int4 (made from the download), bf16 or f32
  --hf-secret NAME     secret in Secrets Manager that holds the Hugging Face token; else HF_TOKEN
  --weights FILE       model, revision and SHA-256 of its files (weights.sha256)

  --engine NAME        docker, podman or buildah (the first that is there)
  --binary FILE        take this program instead of building it
  --registry HOST      push there instead of to ECR's host, without login
  --image URI          deploy this image, by digest
  --url URL            base of the API for `test`, if not the stack's
  --yes                do not ask
END
}

main() {
    local command="" arguments=() value level
    parameters="" stack=indic-seamless model="" precision="" weights=$here/weights.sha256 hf_secret=""
    engine="" binary="" registry="" image="" image_arch="" url="" yes=""
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
    arch="" arch_given=""
    # Only the download sees the token: not the compiler, not the engine, not what they run.
    hf_token=${HF_TOKEN:-${HUGGINGFACE_HUB_TOKEN:-}}
    unset HF_TOKEN HUGGINGFACE_HUB_TOKEN
    [ -z "${MEMORY_SIZE:-}" ] || set_parameter MemorySize "$MEMORY_SIZE"
    [ -z "${TIMEOUT:-}" ] || set_parameter Timeout "$TIMEOUT"
    if [ -n "${LOG_LEVEL:-}" ]; then
        level=$(log_level "$LOG_LEVEL") || exit
        set_parameter LogLevel "$level"
    fi

    while [ $# -gt 0 ]; do
        # What follows cost and invoke is theirs, but for the options before it.
        if [ "$command" = cost ]; then
            arguments+=("$1")
            shift
            continue
        fi
        case $1 in
            --help | -h) usage; return ;;
            --yes) yes=1; shift; continue ;;
            --all | --follow | --batch) arguments+=("$1"); shift; continue ;;
            --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
            --*) ;;
            *)
                if [ -z "$command" ]; then command=$1; else arguments+=("$1"); fi
                shift
                continue
                ;;
        esac
        [ $# -gt 1 ] || wrong_usage "$1 needs a value"
        value=$2
        case $1 in
            --stack-name) stack=$value ;;
            --region) region=$value ;;
            --memory) set_parameter MemorySize "$value" ;;
            --timeout) set_parameter Timeout "$value" ;;
            --arch) arch=$value ;;
            --since | --search) arguments+=("$1" "$value") ;;
            --warm) set_parameter WarmMode "$value" ;;
            --stage) set_parameter StageName "$value" ;;
            --response) set_parameter ResponseMode "$value" ;;
            --alarm-email) set_parameter AlarmEmail "$value" ;;
            --set)
                case $value in
                    *=*)
                        is_parameter "${value%%=*}" ||
                            wrong_usage "--set: no parameter ${value%%=*}; there are $(template_parameters | paste -sd ' ' -)"
                        set_parameter "${value%%=*}" "${value#*=}"
                        ;;
                    *) wrong_usage "--set needs NAME=VALUE" ;;
                esac
                ;;
            --model) model=$value ;;
            --precision) precision=$value ;;
            --hf-secret) hf_secret=$value ;;
            --weights) weights=$value ;;
            --engine) engine=$value ;;
            --binary) binary=$value ;;
            --registry) registry=$value ;;
            --image) image=$value ;;
            --url) url=$value ;;
            *) wrong_usage "unknown option $1" ;;
        esac
        shift 2
    done
    check_options
    case ${command:-all} in
        all)
            preflight
            build
            push
            deploy
            ;;
        cost) exec python3 "$here/cost.py" ${arguments[@]+"${arguments[@]}"} ;;
        preflight | build | push | deploy | status | test | logs | invoke | warm | rollback | stop | start | redrive | \
            backup | restore | cleanup)
            [ "$command" != test ] || command=smoke_test
            "$command" ${arguments[@]+"${arguments[@]}"}
            ;;
        *) wrong_usage "unknown command $command" ;;
    esac
}

# The level that $1 names, in any case and by the names of Python's logging.
log_level() {
    case $(tr '[:upper:]' '[:lower:]' <<<"$1") in
        critical | error) echo error ;;
        warning | warn) echo warn ;;
        info) echo info ;;
        debug) echo debug ;;
        *) wrong_usage "LOG_LEVEL: error, warn, info or debug, not $1" ;;
    esac
}

check_options() {
    [[ $stack =~ ^[a-z][a-z0-9-]{0,40}$ ]] ||
        wrong_usage "--stack-name: lower-case letters, digits and hyphens, at most 41"
    arch_given=$arch
    [ -n "$arch" ] || arch=$(uname -m)
    case $arch in
        x86_64 | amd64) arch=x86_64 platform=linux/amd64 ;;
        arm64 | aarch64) arch=arm64 platform=linux/arm64 ;;
        *) wrong_usage "--arch: x86_64 or arm64, not $arch" ;;
    esac
    [ -z "$arch_given" ] || arch_given=$arch
    case $precision in
        "") ;;
        # The weights in the image are of that type already.
        int8 | int4) set_parameter Precision auto ;;
        bf16 | f32) set_parameter Precision "$precision" ;;
        *) wrong_usage "--precision: int8, int4, bf16 or f32, not $precision" ;;
    esac
    # It is also read from other folders.
    [[ $weights = /* ]] || weights=$PWD/$weights
    # A message may be tried again only after every call that could still hold it has ended.
    if has_parameter Timeout && ! has_parameter QueueVisibilityTimeout; then
        [[ $(parameter Timeout) =~ ^[0-9]+$ ]] || wrong_usage "--timeout: a number of seconds"
        set_parameter QueueVisibilityTimeout $((6 * $(parameter Timeout)))
    fi
    # What is between two commands: which image was pushed and not yet deployed.
    pending=$root/target/deploy/$stack.image
    export AWS_PAGER=""
    if [ -n "$region" ]; then export AWS_REGION=$region AWS_DEFAULT_REGION=$region; fi
}

main "$@"
