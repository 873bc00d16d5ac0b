# shellcheck shell=bash
# The checkpoint for the image: downloaded at a pinned revision, verified by SHA-256, quantised.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/indic-seamless

# Sets `model_dir` to the folder that goes into the image.
prepare_model() {
    local name revision source
    if [ "$model" = demo ]; then
        model_dir=$cache/demo
        mkdir -p "$model_dir"
        return
    fi
    if [ -n "$model" ]; then
        [ -f "$model/config.json" ] || die "--model: $model is not a checkpoint's folder (no config.json)"
        source=$(cd "$model" && pwd)
        name=$source
        verify_sums "$source" "$source.sha256"
    else
        [ -f "$weights" ] || die "--weights: no file $weights"
        read -r name revision < <(pinned)
        [ -n "${revision:-}" ] || die "$weights lacks its line '# MODEL REVISION'"
        download "$name" "$revision"
    fi
    # A folder that is given is taken as it is, unless told otherwise.
    if [ -z "$precision" ] && [ -z "$model" ]; then precision=int8; fi
    model_dir=$source
    case $precision in
        int8 | int4) is_stored_as "$precision" "$source" || quantize "$source" ;;
    esac
    say "weights: $model_dir"
}

# The model and its revision as the sums' file names them.
pinned() { sed -n 's/^# \([^ ]*\/[^ ]*\) \([^ ]*\)$/\1 \2/p' "$weights" | head -n 1; }

# Whether the weights in folder $2 are int8 or int4, as $1 says.
is_stored_as() {
    local stored=none header
    header=$(head -c 1000000 "$2/model.safetensors" 2>/dev/null | tr -d '\0' || true)
    case $header in
        *'"U8"'*) stored=int4 ;;
        *'"I8"'*) stored=int8 ;;
    esac
    [ "$stored" = "$1" ]
}

# Compares folder $1 with file $2; records the sums if there is no such file yet.
verify_sums() {
    if [ -f "$2" ]; then
        (cd "$1" && sha256 --check --quiet --strict "$2" >&2) || die "$1 is not what $2 says"
    else
        if ! (cd "$1" && sha256 -- *) >"$2.part"; then
            rm -f "$2.part"
            die "no sums of $1 could be taken: wanted a folder with files only"
        fi
        mv "$2.part" "$2"
        say "nothing to compare $1 with: its sums are now in $2"
    fi
}

given_token() {
    if [ -n "$hf_secret" ]; then
        need_region
        aws secretsmanager get-secret-value --secret-id "$hf_secret" --query SecretString --output text
    else
        printf '%s' "$hf_token"
    fi
}

# Sets `source` to the folder of model $1 at revision $2.
download() {
    local id=$1 revision=$2 token snapshot commit file
    local recorded
    recorded=$(grep -c '^[0-9a-f]\{64\} ' "$weights" || true)
    source=$cache/${id//\//--}/$revision
    if [ "$recorded" != 0 ] && [ -d "$source" ] && (cd "$source" && sha256 --check --quiet --strict "$weights" >&2); then
        return
    fi
    token=$(given_token)
    [ -n "$token" ] || say "no token (HF_TOKEN or --hf-secret): the download fails if the model is gated"
    say "downloading $id at $revision"
    snapshot=$(fetch "$id" "$revision") ||
        die "cannot download $id at $revision (is the token's account admitted? See https://huggingface.co/$id)"
    commit=$(basename "$snapshot")
    if [ "$recorded" != 0 ] && [ "$commit" != "$revision" ]; then
        die "$weights has sums, so its revision must be a commit, not $revision"
    fi
    source=$cache/${id//\//--}/$commit
    rm -rf "$source" "$source.part"
    mkdir -p "$source.part"
    # The hub's cache holds links, which an image cannot: the same content under a second name.
    for file in "$snapshot"/*; do
        ln -L "$file" "$source.part/" 2>/dev/null || cp -L "$file" "$source.part/"
    done
    mv "$source.part" "$source"
    if [ "$recorded" = 0 ]; then
        record "$id" "$commit"
    elif ! (cd "$source" && sha256 --check --quiet --strict "$weights" >&2); then
        # Else the next run would find the wrong files and take them for an earlier download.
        rm -r "$source" "$cache/hub"
        die "the download is not what $weights says, and was deleted"
    fi
}

# Prints the folder of model $1 at revision $2. The token is in the environment of the download alone, which is built
# before; arguments are visible to every user of the machine.
fetch() {
    (
        cd "$root" && cargo build --release --quiet --bin indic-seamless >&2 &&
            HF_TOKEN=$token HF_HUB_CACHE=$cache/hub cargo run --release --quiet --bin indic-seamless -- \
                fetch --model "$1" --revision "$2"
    )
}

# Trust on first use: model, commit and sums of what was downloaded become what later builds must find.
record() {
    {
        sed '/^# [^ ]*\/[^ ]* [^ ]*$/d' "$weights"
        printf '# %s %s\n' "$1" "$2"
        (cd "$source" && sha256 -- *)
    } >"$weights.part"
    mv "$weights.part" "$weights"
    say "TRUST ON FIRST USE: $weights had no sums. Commit $2 and the sums of what was downloaded are now in it;"
    say "compare them with the model's page, and commit the file: builds from now on accept nothing else."
}

# Sets `model_dir` to a quantised copy of folder $1, made once for each version of the crate.
quantize() {
    local version
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
    model_dir=$cache/$precision/$(printf '%s %s' "$version" "$1" | sha256 | cut -c 1-16)
    if [ ! -d "$model_dir" ]; then
        say "quantising to $precision"
        rm -rf "$model_dir.part"
        mkdir -p "$cache/$precision"
        (cd "$root" && cargo run --release --quiet --bin indic-seamless -- \
            quantize --model "$1" --precision "$precision" --output "$model_dir.part") >&2
        rm -f "$model_dir.sha256"
        mv "$model_dir.part" "$model_dir"
    fi
    verify_sums "$model_dir" "$model_dir.sha256"
}
