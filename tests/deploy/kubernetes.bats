#!/usr/bin/env bats
# The manifests of deploy/kubernetes: valid, complete, and the program answers its probes as they are written there.

load helper

setup() { cd "$root/deploy/kubernetes" || return; }

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

@test "checkov: no finding" {
    # The image is named by digest in kustomization.yaml, and the pod's own namespace and user are set.
    run checkov --directory . --framework kubernetes --compact --quiet --skip-download \
        --skip-check CKV_K8S_43,CKV_K8S_14,CKV_K8S_21,CKV_K8S_15,CKV_K8S_11
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
    apart=(unshare --net --mount)
    [ "$(id -u)" = 0 ] || apart=(unshare --user --map-root-user --net --mount)
    run "${apart[@]}" python3 "$root/tests/deploy/probes.py" deployment.yaml "$program"
    [ "$status" = 0 ] || fail "$output"
}
