#!/usr/bin/env bats
# What is in the image, and that it runs: as nobody, on a root that cannot be written, with nothing beside it.
# Built by deploy.sh with buildah. Not run: the stage that compiles, whose base image comes from Docker Hub; here the
# program is taken from $INDIC_SEAMLESS_BINARY, made by that stage's command, deploy/compile.sh.

load helper

setup_file() {
    export state=$BATS_FILE_TMPDIR
    export real_home=$HOME HOME=$state XDG_CACHE_HOME=$state/cache
    ldd "$program" 2>&1 | grep -qE 'statically linked|not a dynamic' ||
        fail "$program is linked dynamically and cannot run in this image: build it with deploy/compile.sh"
    cp "$program" "$state/program"
    # A real folder of weights: the demo model's.
    cp -r "$root/indic-seamless/demo" "$state/model"
    "$deploy" --stack-name image-test --engine buildah --binary "$state/program" --model "$state/model" build
    container=$(buildah from localhost/image-test:build-"$(uname -m | sed s/aarch64/arm64/)")
    cp -a "$(buildah mount "$container")" "$state/root"
    buildah rm "$container" >/dev/null
}

inspect() { buildah inspect --type image localhost/image-test:build-"$(uname -m | sed s/aarch64/arm64/)"; }

@test "the program and the weights, nothing else" {
    found=$(cd "$state/root" && find . -type f | sort | xargs)
    wanted=$(cd "$state" && { echo ./indic-seamless-lambda; find model -type f | sed 's|^model|./opt/model|'; } | sort | xargs)
    [ "$found" = "$wanted" ] || fail "$found"
}

@test "at most 25 MB plus weights" {
    size=$(stat -c %s "$state/root/indic-seamless-lambda")
    [ "$size" -le 25000000 ] || fail "$size bytes"
}

@test "a numbered user who is not root, SnapStart's label, the program as entry point" {
    inspect | jq --exit-status '.OCIv1.config | .User == "65532:65532" and .Entrypoint == ["/indic-seamless-lambda"]
        and .Labels["com.amazonaws.lambda.feature.snapstart"] == "Allow" and .Cmd == null'
    # Everybody may read what is in it, and nobody but root may write.
    [ -z "$(find "$state/root" -type f ! -perm -o=r)" ]
    [ -z "$(find "$state/root" -mindepth 1 -type f -perm /o=w)" ]
}

@test "no secret: not in the configuration, not in the history, not in a file" {
    lacks oken "$(inspect | jq '.OCIv1.config, .OCIv1.history')"
    run grep -rlaE 'hf_[A-Za-z0-9]{30}|AKIA[0-9A-Z]{16}' "$state/root"
    [ -z "$output" ] || fail "$output"
}

@test "the same content is the same image; a new program leaves the layer of weights alone" {
    layers=$(inspect | jq -c .OCIv1.rootfs.diff_ids)
    id=$(inspect | jq -r .FromImageID)
    sleep 1.1
    touch "$state/program"
    "$deploy" --stack-name image-test --engine buildah --binary "$state/program" --model "$state/model" build
    [ "$(inspect | jq -r .FromImageID)" = "$id" ]
    cp "$state/program" "$state/other"
    printf x >>"$state/other"
    "$deploy" --stack-name image-test --engine buildah --binary "$state/other" --model "$state/model" build
    [ "$(inspect | jq -c '.OCIv1.rootfs.diff_ids[0]')" = "$(jq -c '.[0]' <<<"$layers")" ]
    [ "$(inspect | jq -c '.OCIv1.rootfs.diff_ids[1]')" != "$(jq -c '.[1]' <<<"$layers")" ]
}

# Sets `in_image` to what runs the image's program as its user on a read-only root, with the image's environment, and as
# the process that is started, so that it gets the signals.
setup() {
    PORT=$(free_port)
    export PORT
    # What every container gets.
    mkdir -p "$state/root/dev" "$state/root/etc"
    # shellcheck disable=SC2016 # the inner shell's
    in_image=(unshare --mount sh -c '
        root=$1; shift
        mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" && mount --rbind /dev "$root/dev" || exit 99
        exec env -i PATH="$PATH" INDIC_SEAMLESS_MODEL=/opt/model INDIC_SEAMLESS_LISTEN="127.0.0.1:$PORT" \
            chroot --userspec=65532:65532 "$root" /indic-seamless-lambda "$@"
    ' sh "$state/root")
}

@test "it serves as nobody on a read-only root, and ends when asked" {
    inspect | jq --exit-status '.OCIv1.config.Env | index("INDIC_SEAMLESS_MODEL=/opt/model")'
    "${in_image[@]}" >"$state/service.log" 2>&1 3>&- &
    pid=$!
    within 30 "${in_image[@]}" --health-check "http://127.0.0.1:$PORT/ready" || fail "$(cat "$state/service.log")"
    [ "$(stat -c %u "/proc/$pid")" = 65532 ] || fail "$(cat "$state/service.log")"
    [ "$(awk '/^CapEff/ {print $2}' "/proc/$pid/status")" = 0000000000000000 ]
    answer=$(curl --fail --silent --form "audio=@$recording" --form target_lang=hin "http://127.0.0.1:$PORT/speech-to-text")
    contains "कृपया आज का मौसम" "$answer"
    kill "$pid"
    wait "$pid" || fail "exit $?: $(cat "$state/service.log")"
    run "${in_image[@]}" --health-check "http://127.0.0.1:$PORT/ready"
    [ "$status" != 0 ]
}

@test "the static program resolves names, by which it will reach S3" {
    "${in_image[@]}" >/dev/null 2>&1 3>&- &
    pid=$!
    within 30 "${in_image[@]}" --health-check "http://127.0.0.1:$PORT/ready"
    echo "127.0.0.1 bucket.s3.test" >"$state/root/etc/hosts"
    "${in_image[@]}" --health-check "http://bucket.s3.test:$PORT/ready"
    run "${in_image[@]}" --health-check "http://other.s3.test:$PORT/ready"
    [ "$status" != 0 ]
    stop "$pid"
}

@test "the program that was compiled for arm64 on another processor works, and its image is for arm64" {
    arm=$root/target/deploy/arm64/indic-seamless-lambda
    [ -e "$arm" ] || skip "ARCH=arm64 deploy/compile.sh target/deploy/arm64/indic-seamless-lambda makes it"
    command -v qemu-aarch64-static || skip "there is no qemu-aarch64-static"
    qemu-aarch64-static "$arm" --version
    INDIC_SEAMLESS_MODEL=demo qemu-aarch64-static "$arm" --listen "127.0.0.1:$PORT" >"$state/arm.log" 2>&1 3>&- &
    pid=$!
    within 120 curl --fail --silent "http://127.0.0.1:$PORT/ready" || fail "$(cat "$state/arm.log")"
    answer=$(curl --fail --silent --form "audio=@$recording" --form target_lang=hin "http://127.0.0.1:$PORT/speech-to-text")
    stop "$pid"
    contains "कृपया आज का मौसम" "$answer"
    "$deploy" --stack-name image-test --engine buildah --arch arm64 --binary "$arm" --model demo build
    [ "$(buildah inspect --type image localhost/image-test:build-arm64 | jq -r .OCIv1.architecture)" = arm64 ]
}

@test "the build gets what it needs of the working tree, and no file that may hold a secret" {
    mkdir -p "$state/tree"
    (cd "$root" && cp -r --parents Cargo.toml Cargo.lock rust-toolchain.toml README.md fuzz indic-seamless indic-seamless-aws \
        indic-seamless-cli indic-seamless-lambda indic-seamless-otlp python benches examples tests deploy "$state/tree")
    mkdir -p "$state/tree/target" "$state/tree/.git"
    for file in .env indic-seamless/.env.local .git/config target/x notes.txt; do echo secret >"$state/tree/$file"; done
    printf 'FROM scratch\nCOPY . /\n' >"$state/Dockerfile"
    buildah bud --quiet --isolation chroot --file "$state/Dockerfile" --ignorefile "$root/deploy/Dockerfile.dockerignore" \
        --tag localhost/context "$state/tree"
    container=$(buildah from localhost/context)
    mounted=$(buildah mount "$container")
    [ -z "$(find "$mounted" -name '.env*' -o -name .git -o -name target -o -name notes.txt)" ]
    [ "$(cd "$mounted" && find deploy -type f | sort | xargs)" = "deploy/compile.sh deploy/cross.sh" ]
    # Cargo finds every file that the manifests name.
    HOME=$real_home cargo metadata --no-deps --offline --format-version 1 --manifest-path "$mounted/Cargo.toml" >/dev/null
    buildah rm "$container" >/dev/null
}
