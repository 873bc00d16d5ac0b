#!/usr/bin/env bats
# deploy.sh before it reaches AWS: usage, settings, what it refuses.

load helper

setup() {
    export HOME=$BATS_TEST_TMPDIR XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    mkdir "$BATS_TEST_TMPDIR/bin"
    # An AWS that notes what it is asked. It has the stack whose parameters are in $HOME/stack, if there is that file, and the
    # repository if there is $HOME/repository. It cannot answer what is in $HOME/outage.
    cat >"$BATS_TEST_TMPDIR/bin/aws" <<'END'
#!/bin/sh
printf '%s\n' "$AWS_REGION: $* " >>"$HOME/aws.log"
if [ -f "$HOME/outage" ] && printf '%s' "$*" | grep -qF -f "$HOME/outage"; then
    echo "Rate exceeded" >&2
    exit 254
fi
case "$*" in
    *describe-stacks*)
        [ -f "$HOME/stack" ] || { echo "Stack with id x does not exist" >&2; exit 254; }
        case "$*" in
            *StackStatus*) echo UPDATE_COMPLETE ;;
            *"Parameters[].["*) cat "$HOME/stack" ;;
            *) echo None ;;
        esac
        ;;
    *validate-template*) printf 'Architecture\tx86_64\nMemorySize\t3538\nCorsOrigins\tNone\n' ;;
    *get-caller-identity*) echo 123456789012 ;;
    *get-login-password*) echo password ;;
    "configure get region") exit 1 ;;
    *list-buckets*) printf 'gone-test-1\tgone-test-2\tgone-test-3\tgone-test-4\tgone-test-5\n' ;;
    *"get-bucket-tagging --bucket gone-test-4"*) echo "An error occurred (NoSuchTagSet)" >&2; exit 254 ;;
    *"get-bucket-tagging --bucket gone-test-5"*) echo "An error occurred (AccessDenied)" >&2; exit 254 ;;
    *get-bucket-tagging*) echo gone-test ;;
    *"get-bucket-location --bucket gone-test-1"*) echo None ;;
    *"get-bucket-location --bucket gone-test-2"*) echo EU ;;
    *"get-bucket-location --bucket gone-test-3"*) echo ap-south-1 ;;
    *describe-repositories*)
        [ -f "$HOME/repository" ] || { echo "An error occurred (RepositoryNotFoundException)" >&2; exit 254; }
        echo arn:aws:ecr:us-east-1:123456789012:repository/gone-test
        ;;
    *list-tags-for-resource*) echo gone-test ;;
    *"cloudformation deploy"*) exit 1 ;;
esac
END
    chmod +x "$BATS_TEST_TMPDIR/bin/aws"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    image=123456789012.dkr.ecr.us-east-1.amazonaws.com/x@sha256:$(printf '0%.0s' {1..64})
}

@test "--help names every command" {
    run "$deploy" --help
    [ "$status" = 0 ]
    for command in preflight build push deploy status test logs invoke warm rollback "stop, start" redrive backup restore cost \
        cleanup; do
        contains "  $command" "$output"
    done
}

@test "wrong usage is refused with status 2, before anything is done" {
    for wrong in "--nonsense x" "--memory" "frobnicate" "--arch sparc deploy" "--precision int2 build" "--set MemorySize deploy" \
        "--set MemorySiez=4000 deploy" "logs --since soon" "backup" "restore /nowhere" \
        "--stack-name Upper_Case deploy" "--timeout soon deploy"; do
        # shellcheck disable=SC2086
        run "$deploy" $wrong
        [ "$status" = 2 ] || fail "$wrong: $status $output"
    done
    [ ! -e "$HOME/aws.log" ]
}

@test "region, memory and timeout come from options, else from the environment" {
    AWS_REGION=eu-west-1 MEMORY_SIZE=4000 TIMEOUT=100 run "$deploy" --image "$image" deploy
    [ "$status" = 1 ]
    contains "eu-west-1: cloudformation deploy" "$(cat "$HOME/aws.log")"
    contains "MemorySize=4000" "$(cat "$HOME/aws.log")"
    # Six times as long until a message is tried again.
    contains "Timeout=100" "$(cat "$HOME/aws.log")"
    contains "QueueVisibilityTimeout=600" "$(cat "$HOME/aws.log")"
    AWS_REGION=eu-west-1 MEMORY_SIZE=4000 run "$deploy" --region ap-south-1 --memory=5000 --image "$image" deploy
    contains "ap-south-1: cloudformation deploy" "$(cat "$HOME/aws.log")"
    contains "MemorySize=5000" "$(cat "$HOME/aws.log")"
}

# What was asked of CloudFormation.
deployed() { grep "cloudformation deploy" "$HOME/aws.log" | tail -n 1; }

@test "a mistyped parameter is named, with those that there are" {
    run "$deploy" --set ThrottelRate=5 deploy
    [ "$status" = 2 ]
    contains "no parameter ThrottelRate" "$output"
    contains " ThrottleRate " "$output"
}

@test "LOG_LEVEL is read as the Python service read it" {
    for level in INFO:info Warning:warn DEBUG:debug critical:error; do
        LOG_LEVEL=${level%:*} run "$deploy" --image "$image" deploy
        contains "LogLevel=${level#*:}" "$(deployed)"
    done
    LOG_LEVEL=loud run "$deploy" --image "$image" deploy
    [ "$status" = 2 ]
}

@test "--arch is the processor of the functions, whatever the template's default" {
    for arch in arm64:arm64 aarch64:arm64 x86_64:x86_64 amd64:x86_64; do
        run "$deploy" --arch "${arch%:*}" --image "$image" deploy
        contains " Architecture=${arch#*:} " "$(deployed)"
    done
    # What is not given comes from the template, but for the processor.
    contains "MemorySize=3538" "$(deployed)"
    lacks "CorsOrigins=None" "$(deployed)"
}

@test "an image that is built on an Arm machine runs on Arm" {
    on_arm
    run "$deploy" --stack-name arm-test --engine buildah --registry registry.test --model demo --binary "$HOME/program"
    [ "$status" = 1 ]
    contains "--platform linux/arm64" "$(grep ^build "$HOME/engine.log")"
    contains " Architecture=arm64 " "$(deployed)"
    contains " ImageUri=registry.test/arm-test@sha256:$(printf 'a%.0s' {1..64}) " "$(deployed)"
    # The next call deploys what was pushed, for what it was pushed for, on whatever machine.
    rm "$BATS_TEST_TMPDIR/bin/uname"
    run "$deploy" --stack-name arm-test deploy
    contains " Architecture=arm64 " "$(deployed)"
    run "$deploy" --stack-name arm-test --arch x86_64 deploy
    [ "$status" = 1 ]
    contains "is for arm64" "$output"
    rm "$root/target/deploy/arm-test.image"
}

# An Arm machine, its program, and an engine that notes what it is asked.
on_arm() {
    printf '#!/bin/sh\necho aarch64\n' >"$BATS_TEST_TMPDIR/bin/uname"
    printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\267\0' >"$HOME/program"
    cat >"$BATS_TEST_TMPDIR/bin/buildah" <<'END'
#!/bin/bash
echo "$*" >>"$HOME/engine.log"
while [ $# -gt 0 ]; do
    case $1 in
        inspect) printf 'b%.0s' {1..64} ;;
        --digestfile) printf "sha256:$(printf 'a%.0s' {1..64})" >"$2" ;;
    esac
    shift
done
END
    chmod +x "$BATS_TEST_TMPDIR"/bin/*
}

# A compiler that notes what it is asked, and makes something.
fake_cargo() {
    cat >"$BATS_TEST_TMPDIR/bin/cargo" <<'END'
#!/bin/bash
printf '%s\n' "linker=$CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER $*" >>"$HOME/cargo.log"
for name in indic-seamless indic-seamless-lambda; do
    mkdir -p "$CARGO_TARGET_DIR/$(sed 's/.*--target //' <<<"$*")/image"
    echo "$name" >"$CARGO_TARGET_DIR/$(sed 's/.*--target //' <<<"$*")/image/$name"
done
END
    chmod +x "$BATS_TEST_TMPDIR/bin/cargo"
    export CARGO_TARGET_DIR=$BATS_TEST_TMPDIR/target
}

@test "what compiles for an image compiles for the machine that it runs on" {
    on_arm
    fake_cargo
    "$root/deploy/compile.sh" "$HOME/lambda"
    contains "--package indic-seamless-lambda" "$(tail -n 1 "$HOME/cargo.log")"
    contains "--target aarch64-unknown-linux-gnu" "$(tail -n 1 "$HOME/cargo.log")"
    contains "linker= " "$(tail -n 1 "$HOME/cargo.log")"
    FEATURES=otlp "$root/deploy/compile.sh" "$HOME/cli" indic-seamless
    contains "--package indic-seamless-cli --features otlp" "$(tail -n 1 "$HOME/cargo.log")"
    [ "$(cat "$HOME/lambda" "$HOME/cli" | xargs)" = "indic-seamless-lambda indic-seamless" ]
}

@test "for another processor it takes a cross compiler, and the standard library from rustup once" {
    fake_cargo
    printf '#!/bin/sh\necho x86_64\n' >"$BATS_TEST_TMPDIR/bin/uname"
    printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/aarch64-linux-gnu-gcc"
    printf '#!/bin/sh\necho "$HOME/rust"\n' >"$BATS_TEST_TMPDIR/bin/rustc"
    cat >"$BATS_TEST_TMPDIR/bin/rustup" <<'END'
#!/bin/sh
echo "$*" >>"$HOME/rustup.log"
mkdir -p "$HOME/rust/lib/rustlib/$3/lib"
END
    chmod +x "$BATS_TEST_TMPDIR"/bin/*
    for arch in arm64 aarch64; do
        ARCH=$arch "$root/deploy/compile.sh" "$HOME/$arch"
        contains "--target aarch64-unknown-linux-gnu" "$(tail -n 1 "$HOME/cargo.log")"
        contains "linker=aarch64-linux-gnu-gcc " "$(tail -n 1 "$HOME/cargo.log")"
        [ "$(cat "$HOME/$arch")" = indic-seamless-lambda ]
    done
    [ "$(cat "$HOME/rustup.log")" = "target add aarch64-unknown-linux-gnu" ]
    ARCH=sparc run "$root/deploy/compile.sh" "$HOME/sparc"
    [ "$status" = 1 ]
    contains "no cross compiler for sparc" "$output"
}

@test "engines build for the processor that was asked for, and compile on this one" {
    on_arm
    printf '#!/bin/bash\necho "$*" >>"$HOME/engine.log"\n' >"$BATS_TEST_TMPDIR/bin/docker"
    chmod +x "$BATS_TEST_TMPDIR/bin/docker"
    "$deploy" --engine docker --model demo build
    contains "--platform linux/arm64" "$(tail -n 1 "$HOME/engine.log")"
    contains "--target service" "$(tail -n 1 "$HOME/engine.log")"
    "$deploy" --engine docker --arch x86_64 --model demo build
    contains "--platform linux/amd64" "$(tail -n 1 "$HOME/engine.log")"
    "$deploy" --engine buildah --arch x86_64 --model demo build
    contains "--platform linux/amd64" "$(tail -n 1 "$HOME/engine.log")"
    contains "--build-arg BUILDPLATFORM=linux/arm64" "$(tail -n 1 "$HOME/engine.log")"
    # What compiles runs on the machine that builds, and is told the image's processor.
    grep -qE '^FROM --platform=\$BUILDPLATFORM rust:.* AS sources$' "$root/deploy/Dockerfile"
    lacks "RUN deploy/compile.sh" "$(cat "$root/deploy/Dockerfile")"
    [ "$(grep -A 9 '^FROM sources ' "$root/deploy/Dockerfile" | grep -cE '^(ARG TARGETARCH|RUN ARCH=\$TARGETARCH deploy/compile.sh .*)$')" = 4 ]
}

@test "a deployed stack keeps its processor, and what else is not given" {
    printf '%s\t%s\n' Architecture arm64 ImageUri "$image" MemorySize 5307 CorsOrigins None ApiTimeoutMs 60000 >"$HOME/stack"
    run "$deploy" --stack-name kept-test --timeout 100 deploy
    contains " Architecture=arm64 " "$(deployed)"
    contains " MemorySize=5307 " "$(deployed)"
    contains " Timeout=100" "$(deployed)"
    # A parameter that this version lacks.
    contains "no parameter ApiTimeoutMs" "$output"
    lacks ApiTimeoutMs "$(deployed)"
    run "$deploy" --stack-name kept-test --arch x86_64 deploy
    [ "$status" = 1 ]
    contains "$image is for arm64" "$output"
}

@test "what cannot be asked of a stack stops the deployment, and takes none of its settings back" {
    printf '%s\t%s\n' Architecture x86_64 ImageUri "$image" MemorySize 5307 >"$HOME/stack"
    for outage in "Parameters[].[ParameterKey,ParameterValue]" validate-template; do
        echo "$outage" >"$HOME/outage"
        run "$deploy" --stack-name kept-test deploy
        [ "$status" != 0 ]
        contains "Rate exceeded" "$output"
        lacks "cloudformation deploy" "$(cat "$HOME/aws.log")"
    done
    rm "$HOME/outage"
    run "$deploy" --stack-name kept-test deploy
    contains " MemorySize=5307 " "$(deployed)"
}

@test "a log that cannot be read is no empty log" {
    printf '#!/bin/sh\ncase "$*" in *describe-stacks*) echo group ;; *) echo "Rate exceeded" >&2; exit 254 ;; esac\n' \
        >"$BATS_TEST_TMPDIR/bin/aws"
    run "$deploy" logs
    [ "$status" = 1 ]
    contains "Rate exceeded" "$output"
}

@test "an image for arm64 says so, on whatever machine it is put together" {
    on_arm
    rm "$BATS_TEST_TMPDIR"/bin/{buildah,uname}
    "$deploy" --stack-name arm-image --engine buildah --arch arm64 --model demo --binary "$HOME/program" build
    [ "$(buildah inspect --type image localhost/arm-image:build-arm64 | jq -r .OCIv1.architecture)" = arm64 ]
}

@test "a program for another processor is refused" {
    on_arm
    run "$deploy" --engine buildah --arch x86_64 --model demo --binary "$HOME/program" build
    [ "$status" = 1 ]
    contains "is for arm64, not for x86_64" "$output"
}

@test "test waits for a cold start, and then wants every answer to be right" {
    cat >"$BATS_TEST_TMPDIR/bin/aws" <<'END'
#!/bin/sh
case "$*" in *get-api-key*) echo the-key ;; *) echo an-output ;; esac
END
    # An API whose model takes two requests to load. $HOME/wrong makes it transcribe nothing.
    cat >"$BATS_TEST_TMPDIR/bin/curl" <<'END'
#!/bin/bash
while [ $# -gt 1 ]; do
    [ "$1" != --output ] || answer=$2
    shift
done
key=$(cat)
echo "${1##*/} $key" >>"$HOME/curl.log"
say() { printf '%s' "$2" >"$answer"; printf '%s' "$1"; }
case "${key:+key} ${1##*/}" in
    " "*) say 403 Forbidden ;;
    "key ready")
        if [ "$(grep -c '^ready' "$HOME/curl.log")" -lt 3 ]; then say 504 slow; else say 200 '{"status":"ready"}'; fi
        ;;
    "key health") say 200 '{"status":"healthy"}' ;;
    "key supported-languages") say 200 '{"hin":1}' ;;
    "key speech-to-text")
        if [ -e "$HOME/wrong" ]; then say 500 '{}'
        elif [ "$(grep -c '^speech-to-text' "$HOME/curl.log")" = 1 ]; then say 200 '{"transcription":"x"}'
        else say 422 '{"code":"unknown_language"}'; fi
        ;;
esac
END
    printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/sleep"
    chmod +x "$BATS_TEST_TMPDIR"/bin/*
    run "$deploy" --url http://api.test test
    [ "$status" = 0 ] || fail "$output"
    [ "$(grep -c "waiting for a cold start" <<<"$output")" = 2 ] || fail "$output"
    touch "$HOME/wrong"
    run "$deploy" --url http://api.test test
    [ "$status" = 1 ]
    contains "FAILED  http://api.test/speech-to-text: 500" "$output"
}

@test "without a region, an image, or a model it says which" {
    AWS_REGION="" AWS_DEFAULT_REGION="" run "$deploy" status
    [ "$status" = 1 ]
    contains "no region" "$output"
    run "$deploy" deploy
    [ "$status" = 1 ]
    contains "no image" "$output"
    run "$deploy" --engine true --model "$BATS_TEST_TMPDIR" build
    [ "$status" = 1 ]
    contains "not a checkpoint" "$output"
}

@test "preflight names what is missing" {
    mkdir "$BATS_TEST_TMPDIR/few"
    for tool in bash sed dirname uname df awk mkdir grep tr cat; do ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/few/"; done
    PATH=$BATS_TEST_TMPDIR/few run "$deploy" preflight
    [ "$status" = 1 ]
    for missing in aws curl python3 "docker, podman or buildah" credentials cargo HF_TOKEN; do
        contains "MISSING  $missing" "$output"
    done
    # Nothing was downloaded yet.
    PATH=$BATS_TEST_TMPDIR/few run "$deploy" preflight
    contains "MISSING  HF_TOKEN" "$output"
    mkdir "$XDG_CACHE_HOME/indic-seamless/hub"
    PATH=$BATS_TEST_TMPDIR/few run "$deploy" preflight
    lacks "HF_TOKEN" "$output"
}

@test "cleanup that is not confirmed deletes nothing" {
    run "$deploy" cleanup --all </dev/null
    [ "$status" = 1 ]
    lacks "delete" "$(cat "$HOME/aws.log")"
}

@test "cleanup deletes buckets of its region only, as in another one a stack may have the same name" {
    for region in us-east-1:1 eu-west-1:2 ap-south-1:3; do
        rm -f "$HOME/aws.log"
        AWS_REGION=${region%:*} run "$deploy" --stack-name gone-test --yes cleanup --all
        [ "$status" = 0 ] || fail "$output"
        [ "$(grep -c " s3 rb " "$HOME/aws.log")" = 1 ] || fail "$(cat "$HOME/aws.log")"
        contains " s3 rb --force s3://gone-test-${region#*:} " "$(cat "$HOME/aws.log")"
        contains "bucket gone-test-5 is left alone" "$output"
    done
}

@test "cleanup that cannot find out what there is deletes nothing" {
    touch "$HOME/stack" "$HOME/repository"
    for outage in "Stacks[0].StackStatus" "Outputs[?OutputKey=='BucketName']" list-buckets describe-repositories \
        "get-bucket-tagging --bucket gone-test-3" "get-bucket-location --bucket gone-test-3" list-tags-for-resource; do
        echo "$outage" >"$HOME/outage"
        run "$deploy" --stack-name gone-test --yes cleanup --all
        [ "$status" != 0 ] || fail "$outage: $output"
        contains "Rate exceeded" "$output"
        lacks " s3 rb " "$(cat "$HOME/aws.log")"
        lacks " delete-" "$(cat "$HOME/aws.log")"
    done
}
