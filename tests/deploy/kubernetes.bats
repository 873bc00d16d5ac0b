#!/usr/bin/env bats
# The manifests of deploy/kubernetes: valid, complete, and the program answers its probes as they are written there.

load helper

setup() {
    cd "$root/deploy/kubernetes" || return
    # For programs with a network and mounts of their own.
    apart=(unshare --net --mount)
    [ "$(id -u)" = 0 ] || apart=(unshare --user --map-root-user --net --mount)
}

@test "the manifests are what Kubernetes accepts" {
    for file in namespace deployment service autoscaler disruption network; do
        run kubernetes-validate --strict "$file.yaml"
        [ "$status" = 0 ] || fail "$file: $output"
    done
    # The check knows fields.
    sed 's/terminationGracePeriodSeconds/terminationGracePeriod/' deployment.yaml >"$BATS_TEST_TMPDIR/deployment.yaml"
    run kubernetes-validate --strict "$BATS_TEST_TMPDIR/deployment.yaml"
    [ "$status" != 0 ]
}

# Writes what `kubectl apply --kustomize` sends for folder $1 to $built, and all that Kubernetes knows by itself to $known.
build() {
    command -v kubectl >/dev/null || skip "no kubectl for this processor"
    built=$BATS_TEST_TMPDIR/built.yaml known=$BATS_TEST_TMPDIR/known.yaml
    kubectl kustomize "$root/deploy/$1" >"$built"
    python3 - "$built" >"$known" <<'END'
import sys, yaml
documents = yaml.safe_load_all(open(sys.argv[1]))
yaml.safe_dump_all([document for document in documents if document["kind"] != "PodMonitor"], sys.stdout)
END
}

# A field of the only resource of kind $1 in $built, by a path of jq.
field() {
    python3 -c 'import json, sys, yaml
for document in yaml.safe_load_all(open(sys.argv[1])):
    if document["kind"] == sys.argv[2]: print(json.dumps(document))' "$built" "$1" | jq -cS "$2"
}

@test "kustomize puts them together, with the weights in the image or on a volume" {
    for folder in kubernetes kubernetes-volume; do
        build $folder
        run kubernetes-validate --strict "$known"
        [ "$status" = 0 ] || fail "$folder: $output"
        # No image without a digest.
        images=$(grep 'image: ' "$built")
        [ "$(grep -cvE '@sha256:[0-9a-f]{64}$' <<<"$images")" = 0 ] || fail "$images"
    done
}

@test "checkov: no finding" {
    # The image is named by digest in kustomization.yaml, and the pod's own namespace and user are set.
    run checkov --directory . --framework kubernetes --compact --quiet --skip-download \
        --skip-check CKV_K8S_43,CKV_K8S_14,CKV_K8S_21,CKV_K8S_15,CKV_K8S_11
    [ "$status" = 0 ] || fail "$output"
    build kubernetes-volume
    # As above; and its token is in a variable, as the program reads no file of a secret.
    run checkov --file "$known" --framework kubernetes --compact --quiet --skip-download \
        --skip-check CKV_K8S_43,CKV_K8S_14,CKV_K8S_21,CKV_K8S_15,CKV_K8S_11,CKV_K8S_35
    [ "$status" = 0 ] || fail "$output"
}

@test "the kustomization has every manifest, and the image by digest" {
    listed=$(sed -n 's/^  - \(.*\.yaml\)$/\1/p' kustomization.yaml | sort | xargs)
    # The values of a chart are no manifest.
    found=$(find . -name '*.yaml' ! -name kustomization.yaml ! -name prometheus-adapter.yaml -printf '%f\n' | sort | xargs)
    [ "$listed" = "$found" ] || fail "$listed" "$found"
    grep -qE '^    digest: sha256:[0-9a-f]{64}$' kustomization.yaml
}

@test "the metric of the autoscaler is one that the service has, and the adapter gives" {
    metric=$(sed -n 's/.*metric: { name: \([a-z_]*\) }.*/\1/p' autoscaler.yaml)
    contains "seriesQuery: '$metric{" "$(cat prometheus-adapter.yaml)"
    port=$(free_port)
    INDIC_SEAMLESS_MODEL=demo INDIC_SEAMLESS_LISTEN=127.0.0.1:$port "$program" >/dev/null 2>&1 3>&- &
    pid=$!
    within 30 curl --fail --silent "http://127.0.0.1:$port/ready"
    metrics=$(curl --silent "http://127.0.0.1:$port/metrics")
    stop "$pid"
    contains "$metric 1" "$metrics"
}

@test "the program answers its probes as they are written, and drains" {
    run "${apart[@]}" python3 "$root/tests/deploy/probes.py" deployment.yaml "$program"
    [ "$status" = 0 ] || fail "$output"
}

@test "with a volume only the weights' place is different" {
    build kubernetes
    before=$(field Deployment 'del(.spec.template.spec.volumes, .spec.template.spec.containers[0].volumeMounts, .spec.template.spec.containers[0].env)')
    env=$(field Deployment '.spec.template.spec.containers[0].env')
    build kubernetes-volume
    [ "$(field Deployment 'del(.spec.template.spec.volumes, .spec.template.spec.containers[0].volumeMounts, .spec.template.spec.containers[0].env)')" = "$before" ]
    more=$(field Deployment ".spec.template.spec.containers[0].env - $env")
    [ "$more" = '[{"name":"INDIC_SEAMLESS_MODEL","value":"/weights/int8"}]' ] || fail "$more"
    # The pods cannot change what they share.
    [ "$(field Deployment '[.spec.template.spec.containers[0].volumeMounts[] | .readOnly] | all')" = true ]
    # The job writes the folder, on the claim that the pods mount, as the user that they are.
    [ "$(field Job '.spec.template.spec.containers[0].args[-1]')" = '"/weights/int8"' ]
    claim=$(field PersistentVolumeClaim .metadata.name)
    [ "$(field Job '.spec.template.spec.volumes[].persistentVolumeClaim.claimName')" = "$claim" ]
    [ "$(field Deployment '.spec.template.spec.volumes[] | select(.name == "weights").persistentVolumeClaim.claimName')" = "$claim" ]
    [ "$(field Job .spec.template.spec.securityContext.runAsUser)" = "$(field Deployment .spec.template.spec.securityContext.runAsUser)" ]
    # No policy of the service's pods applies to it: they may connect to nobody.
    [ "$(field Job '.spec.template.metadata.labels["app.kubernetes.io/name"]')" != "$(field Deployment '.spec.selector.matchLabels["app.kubernetes.io/name"]')" ]
    # It can be applied before the rest.
    labelled=$(grep -c 'app.kubernetes.io/component: weights' "$built")
    [ "$labelled" = 3 ] || fail "$labelled"
}

@test "the job fills the volume, and the service reads it" {
    build kubernetes-volume
    mkdir "$BATS_TEST_TMPDIR/weights"
    sed -i "s|/weights|$BATS_TEST_TMPDIR/weights|g" "$built"
    port=$(free_port)
    python3 "$root/tests/deploy/emulator/hub.py" "$port" "$root/indic-seamless/demo" \
        0123456789abcdef0123456789abcdef01234567 the-token "$BATS_TEST_TMPDIR/hub.log" 3>&- &
    hub=$!
    within 10 curl --silent "http://127.0.0.1:$port"
    run python3 "$root/tests/deploy/job.py" "$built" "$root/target/release/indic-seamless" the-token "http://127.0.0.1:$port"
    stop "$hub"
    [ "$status" = 0 ] || fail "$output"
    grep -aq '"I8"' "$BATS_TEST_TMPDIR/weights/int8/model.safetensors"
    run "${apart[@]}" python3 "$root/tests/deploy/probes.py" "$built" "$program"
    [ "$status" = 0 ] || fail "$output"
}
