# shellcheck shell=bash
# The image: built locally, pushed to the repository that has the stack's name.

pick_engine() {
    local name
    if [ -n "$engine" ]; then
        command -v "$engine" >/dev/null || die "--engine: no $engine here"
        return
    fi
    for name in docker podman buildah; do
        if command -v "$name" >/dev/null; then
            engine=$name
            return
        fi
    done
    die "no docker, podman or buildah here"
}

local_tag() { printf 'localhost/%s:build-%s' "$stack" "$arch"; }

# This machine, as container engines call it.
this_platform() { case $(uname -m) in arm64 | aarch64) echo linux/arm64 ;; *) echo linux/amd64 ;; esac; }

# The processor that program $1 is for, by its ELF header.
processor_of() {
    case $(od -An -tx1 -j18 -N2 "$1" | tr -d ' ') in
        3e00) echo x86_64 ;;
        b700) echo arm64 ;;
        *) echo "another processor" ;;
    esac
}

build() {
    local context="" model_dir
    local options=(--file "$here/Dockerfile" --platform "$platform" --tag "$(local_tag)")
    pick_engine
    prepare_model
    # The image's user is not the one who owns the files.
    chmod -R a+rX "$model_dir"
    options+=(--build-context "model=$model_dir")
    [ "$model" != demo ] || options+=(--build-arg MODEL=demo)
    if [ -n "$binary" ]; then
        [ "$(processor_of "$binary")" = "$arch" ] || die "--binary: $binary is for $(processor_of "$binary"), not for $arch"
        context=$(mktemp -d)
        install -m 755 "$binary" "$context/indic-seamless-lambda"
        options+=(--build-context "binary=$context" --target prebuilt)
    else
        options+=(--target service)
    fi
    # Times are fixed, so that the same content is the same image, and deploying it again changes nothing.
    case $engine in
        docker)
            # Lambda takes a plain image, no index with attestations.
            SOURCE_DATE_EPOCH=0 docker buildx build "${options[@]}" --provenance=false --sbom=false --load "$root" >&2
            ;;
        podman | buildah)
            # Not in Docker's format, which has names made by chance in it. This one has no health check, which Lambda and
            # ECS do not read from images anyway.
            # Docker knows the machine that builds by itself, buildah 1.28 does not.
            options+=(--build-arg "BUILDPLATFORM=$(this_platform)")
            "$engine" build "${options[@]}" --timestamp 0 --ignorefile "$here/Dockerfile.dockerignore" "$root" >&2
            ;;
        *) die "--engine: docker, podman or buildah, not $engine" ;;
    esac
    [ -z "$context" ] || rm -r "$context"
    say "built $(local_tag)"
}

# Sets `image` to what was pushed, by digest, and leaves it for the next `deploy`.
push() {
    local host account remote digest file id
    pick_engine
    need_region
    account=$(aws sts get-caller-identity --query Account --output text)
    repository
    host=${registry:-$account.dkr.ecr.$region.$(domain)}
    if [ -z "$registry" ]; then
        aws ecr get-login-password | "$engine" login --username AWS --password-stdin "$host" >&2
    fi
    case $engine in
        docker) id=$(docker image inspect --format '{{.Id}}' "$(local_tag)") ;;
        podman) id=$(podman image inspect --format '{{.Id}}' "$(local_tag)") ;;
        *) id=$(buildah inspect --type image --format '{{.FromImageID}}' "$(local_tag)") ;;
    esac || die "no image for $arch: build first"
    id=${id#sha256:}
    remote=$host/$stack:${id:0:12}
    file=$(mktemp)
    case $engine in
        docker)
            docker tag "$(local_tag)" "$remote"
            docker push "$remote" >&2
            docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$remote" |
                sed -n "s|^$host/$stack@||p" | head -n 1 >"$file"
            ;;
        *)
            # A registry on this machine speaks plain HTTP.
            local tls=true
            [[ $host =~ ^(localhost|127\.0\.0\.1)(:|$) ]] && tls=false
            "$engine" push --tls-verify="$tls" --digestfile "$file" "$(local_tag)" "docker://$remote" >&2
            ;;
    esac
    digest=$(cat "$file")
    rm "$file"
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || die "the registry gave no digest for $remote"
    image=$host/$stack@$digest image_arch=$arch
    mkdir -p "$(dirname "$pending")"
    printf '%s %s\n' "$image" "$arch" >"$pending"
    say "pushed $image for $arch"
}

domain() { case $region in cn-*) echo amazonaws.com.cn ;; *) echo amazonaws.com ;; esac; }

# Makes the repository. Its tag is how cleanup knows that it is ours.
repository() {
    local answer
    if answer=$(aws ecr describe-repositories --repository-names "$stack" 2>&1); then return; fi
    case $answer in *RepositoryNotFound*) ;; *) die "$answer" ;; esac
    aws ecr create-repository --repository-name "$stack" --image-scanning-configuration scanOnPush=true \
        --tags "Key=indic-seamless-stack,Value=$stack" >/dev/null
    aws ecr put-lifecycle-policy --repository-name "$stack" --lifecycle-policy-text '{"rules": [{"rulePriority": 1,
        "description": "The ten newest images", "action": {"type": "expire"}, "selection": {"tagStatus": "any",
        "countType": "imageCountMoreThan", "countNumber": 10}}]}' >/dev/null
    say "made the repository $stack"
}
