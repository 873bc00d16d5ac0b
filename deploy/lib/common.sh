# shellcheck shell=bash
# Messages go to standard error: standard output holds answers only. Everything runs with bash 3.2 and BSD's tools, which
# macOS has.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

wrong_usage() {
    say "error: $*"
    say "deploy.sh --help lists commands and options"
    exit 2
}

# Asks before something is lost. $1 names what.
confirm() {
    local answer
    [ -z "$yes" ] || return 0
    [ -t 0 ] || die "nobody to ask: --yes confirms"
    read -r -p "$1 Type the stack's name ($stack) to go on: " answer
    [ "$answer" = "$stack" ] || die "nothing was deleted"
}

need_region() {
    [ -n "$region" ] || region=$(aws configure get region || true)
    [ -n "$region" ] || die "no region: set AWS_REGION, --region, or one in the AWS configuration"
    export AWS_REGION=$region AWS_DEFAULT_REGION=$region
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# --- Parameters of the template, a line NAME=VALUE each ---

set_parameter() {
    parameters=$(printf '%s\n' "$parameters" | grep -v "^$1=" || true)$'\n'$1=$2
}

has_parameter() {
    case $'\n'$parameters$'\n' in *$'\n'"$1="*) ;; *) return 1 ;; esac
}

parameter() { printf '%s\n' "$parameters" | sed -n "s/^$1=//p"; }

# Names of all parameters.
template_parameters() { sed -n '/^Parameters:/,/^Conditions:/s/^  \([A-Za-z]*\):$/\1/p' "$here/stack.yaml"; }

is_parameter() { template_parameters | grep -qx "$1"; }

# --- The stack ---

# $1: a JMESPath on the stack; empty if there is no stack.
stack_query() {
    local answer
    if ! answer=$(aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].$1" --output text 2>&1); then
        case $answer in *"does not exist"*) return 0 ;; esac
        die "$answer"
    fi
    [ "$answer" = None ] || printf '%s' "$answer"
}

output() { stack_query "Outputs[?OutputKey=='$1'].OutputValue"; }

# An output that must be there.
need_output() {
    local value
    need_region
    value=$(output "$1")
    [ -n "$value" ] || die "no stack $stack in $region that has $1: deploy first"
    printf '%s' "$value"
}
