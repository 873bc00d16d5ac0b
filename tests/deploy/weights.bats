#!/usr/bin/env bats
# Where the weights come from: pinned, verified, quantised; and where the token goes.

load helper

commit=0123456789abcdef0123456789abcdef01234567

setup() {
    export HOME=$BATS_TEST_TMPDIR/home XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/bin"
    cp -r "$root/indic-seamless/demo" "$BATS_TEST_TMPDIR/model"
    touch "$BATS_TEST_TMPDIR/model/README.md" "$BATS_TEST_TMPDIR/model/pytorch_model.bin"
    weights=$BATS_TEST_TMPDIR/weights.sha256
    cp "$root/deploy/weights.sha256" "$weights"
    # An engine that only notes what it is asked.
    cat >"$BATS_TEST_TMPDIR/bin/buildah" <<'END'
#!/bin/sh
env >>"$BATS_TEST_TMPDIR/engine.log"
printf '%s\n' "$@" >>"$BATS_TEST_TMPDIR/engine.log"
END
    # `cargo run` without building: the program itself. Neither the compiler nor `quantize` ever sees the token.
    cat >"$BATS_TEST_TMPDIR/bin/cargo" <<END
#!/bin/sh
printf '%s\n' "\$*" >>"$BATS_TEST_TMPDIR/cargo.log"
if [ "\$*" = "build --release --quiet --bin indic-seamless" ]; then
    [ -z "\$HF_TOKEN" ]
    exit
fi
case "\$1 \$2 \$3 \$4 \$5 \$6 \$7" in
    "run --release --quiet --bin indic-seamless -- fetch") ;;
    "run --release --quiet --bin indic-seamless -- quantize") [ -z "\$HF_TOKEN" ] || exit 1 ;;
    *) exit 1 ;;
esac
shift 6
exec "$root/target/release/indic-seamless" "\$@"
END
    chmod +x "$BATS_TEST_TMPDIR"/bin/*
    export BATS_TEST_TMPDIR PATH=$BATS_TEST_TMPDIR/bin:$PATH
    port=$(free_port)
    python3 "$root/tests/deploy/emulator/hub.py" "$port" "$BATS_TEST_TMPDIR/model" $commit the-token \
        "$BATS_TEST_TMPDIR/hub.log" 3>&- &
    hub_pid=$!
    export HF_ENDPOINT=http://127.0.0.1:$port
    unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH HF_HOME HF_HUB_CACHE HF_HUB_OFFLINE
    within 10 curl --silent "$HF_ENDPOINT"
}

teardown() { stop "$hub_pid"; }

build() { "$deploy" --engine buildah --weights "$weights" "$@" build; }

model_context() { sed -n 's/^model=//p' "$BATS_TEST_TMPDIR/engine.log" | tail -n 1; }

@test "the first download records revision and sums, and says so; int8 is made of it" {
    export HF_TOKEN=the-token
    run build
    [ "$status" = 0 ] || fail "$output"
    contains "TRUST ON FIRST USE" "$output"
    contains "# ai4bharat/indic-seamless $commit" "$(cat "$weights")"
    lacks "main" "$(grep "^# ai4bharat" "$weights")"
    contains "$(sha256sum <"$root/indic-seamless/demo/model.safetensors" | cut -d' ' -f1)  model.safetensors" "$(cat "$weights")"
    # Neither pictures and notes nor the same weights in another format.
    lacks pytorch_model.bin "$(cat "$BATS_TEST_TMPDIR/hub.log")"
    folder=$(model_context)
    [ -f "$folder/config.json" ]
    grep -aq '"I8"' "$folder/model.safetensors"
}

@test "weights that are not quantised go into the image as files, not as links into a cache" {
    export HF_TOKEN=the-token
    run build --precision f32
    [ "$status" = 0 ] || fail "$output"
    folder=$(model_context)
    [ -f "$folder/config.json" ] && [ -z "$(find "$folder" -type l)" ]
    cmp "$folder/model.safetensors" "$root/indic-seamless/demo/model.safetensors"
}

@test "a download that breaks off is resumed by the next build" {
    export HF_TOKEN=the-token
    touch "$BATS_TEST_TMPDIR/hub.log.cut"
    run build
    [ "$status" = 1 ]
    contains "cannot download" "$output"
    cmp "$weights" "$root/deploy/weights.sha256"
    rm "$BATS_TEST_TMPDIR/hub.log.cut"
    run build
    [ "$status" = 0 ] || fail "$output"
    contains "GET /ai4bharat/indic-seamless/resolve/$commit/model.safetensors bytes=" "$(cat "$BATS_TEST_TMPDIR/hub.log")"
}

@test "the second build downloads nothing" {
    HF_TOKEN=the-token build
    stop "$hub_pid"
    run build
    [ "$status" = 0 ] || fail "$output"
    lacks "TRUST" "$output"
}

@test "another file than the recorded one is refused and not kept" {
    HF_TOKEN=the-token build
    rm -r "$XDG_CACHE_HOME"
    printf x >>"$BATS_TEST_TMPDIR/model/model.safetensors"
    export HF_TOKEN=the-token
    run build
    [ "$status" = 1 ]
    contains "not what $weights says" "$output"
    [ ! -d "$XDG_CACHE_HOME/indic-seamless/ai4bharat--indic-seamless/$commit" ]
}

@test "sums are found by a path from the current folder on" {
    folder=$XDG_CACHE_HOME/indic-seamless/ai4bharat--indic-seamless/$commit
    mkdir -p "${folder%/*}" "$XDG_CACHE_HOME/indic-seamless/hub"
    cp -r "$root/indic-seamless/demo" "$folder"
    { printf '# ai4bharat/indic-seamless %s\n' $commit && (cd "$folder" && sha256sum -- *); } >"$weights"
    cd "$BATS_TEST_TMPDIR"
    weights=weights.sha256
    run build --precision f32
    [ "$status" = 0 ] || fail "$output"
    [ "$(model_context)" = "$folder" ]
    lacks "downloading" "$output"
}

@test "an int8 copy that was changed afterwards is refused" {
    HF_TOKEN=the-token build
    printf x >>"$(model_context)/model.safetensors"
    run build
    [ "$status" = 1 ]
    contains "is not what" "$output"
}

@test "int4 is made of the download, too, and not of what is int4 already" {
    export HF_TOKEN=the-token
    run build --precision int4
    [ "$status" = 0 ] || fail "$output"
    contains "quantising to int4" "$output"
    folder=$(model_context)
    grep -aq '"U8"' "$folder/model.safetensors"
    run build --model "$folder" --precision int4
    [ "$status" = 0 ] || fail "$output"
    lacks "quantising" "$output"
    [ "$(model_context)" = "$folder" ]
}

@test "a folder that is given is taken as it is, and must stay so" {
    run build --model "$BATS_TEST_TMPDIR/model"
    [ "$status" = 0 ] || fail "$output"
    [ "$(model_context)" = "$BATS_TEST_TMPDIR/model" ]
    run build --model "$BATS_TEST_TMPDIR/model"
    [ "$status" = 0 ] || fail "$output"
    printf x >>"$BATS_TEST_TMPDIR/model/config.json"
    run build --model "$BATS_TEST_TMPDIR/model"
    [ "$status" = 1 ]
}

@test "a folder that has no sums as folders are in it is refused, and no sums are said to be there" {
    mkdir "$BATS_TEST_TMPDIR/model/onnx"
    run build --model "$BATS_TEST_TMPDIR/model"
    [ "$status" = 1 ]
    contains "wanted a folder with files only" "$output"
    lacks "its sums are now in" "$output"
    [ "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'model.sha256*')" = "" ]
}

@test "without the token a gated model is refused, and nothing is recorded" {
    run build
    [ "$status" = 1 ]
    contains "no token" "$output"
    cmp "$weights" "$root/deploy/weights.sha256"
}

@test "the token reaches neither the arguments nor the files of a build" {
    export HF_TOKEN=the-token
    run build
    [ "$status" = 0 ] || fail "$output"
    lacks the-token "$output"
    # Nor the environment of the engine, which is in its log.
    lacks the-token "$(cat "$BATS_TEST_TMPDIR/engine.log")"
    lacks the-token "$(cat "$BATS_TEST_TMPDIR/cargo.log")"
    run grep -r the-token "$XDG_CACHE_HOME" "$weights" "$root/deploy"
    [ "$status" = 1 ] || fail "$output"
}

@test "the token may lie in Secrets Manager" {
    cat >"$BATS_TEST_TMPDIR/bin/aws" <<'END'
#!/bin/sh
[ "$*" = "secretsmanager get-secret-value --secret-id huggingface --query SecretString --output text" ] && echo the-token
END
    chmod +x "$BATS_TEST_TMPDIR/bin/aws"
    run build --hf-secret huggingface
    [ "$status" = 0 ] || fail "$output"
    contains "TRUST ON FIRST USE" "$output"
}
