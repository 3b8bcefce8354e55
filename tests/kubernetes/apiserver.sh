# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A real API server with its etcd, and nothing else. Sourced by tests that run in a network namespace of their own.
#
#   test ---- https://127.0.0.1:6443 kube-apiserver ---- 127.0.0.1:2379 etcd
#
# apiserver_start DIR BINARIES: ready when it returns; DIR then holds admin.kubeconfig, agent.kubeconfig, ca.crt, and the logs.
# apiserver_stop: both, at once.
# apiserver_in: a command before theirs, such as nsenter, where they shall run elsewhere.
# shellcheck disable=SC2034
apiserver_in=()

apiserver_certificates() {
	local dir=$1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj /CN=kube-apiserver -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
	openssl x509 -req -days 2 -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -out "$dir/server.crt" \
		-extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc') 2>/dev/null
	openssl genrsa -out "$dir/accounts.key" 2048 2>/dev/null
}

apiserver_kubeconfig() { # DIR TOKEN
	cat <<-END
		apiVersion: v1
		kind: Config
		clusters: [{name: test, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt}}]
		users: [{name: test, user: {token: $2}}]
		contexts: [{name: test, context: {cluster: test, user: test}}]
		current-context: test
	END
}

apiserver_run_etcd() {
	"${apiserver_in[@]}" "$apiserver_binaries/etcd" --data-dir "$apiserver_dir/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
		--advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 >>"$apiserver_dir/etcd.log" 2>&1 &
	apiserver_etcd=$!
}

apiserver_run() {
	"${apiserver_in[@]}" "$apiserver_binaries/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --secure-port 6443 --bind-address 127.0.0.1 --advertise-address 192.0.2.1 --endpoint-reconciler-type none \
		--tls-cert-file "$apiserver_dir/server.crt" --tls-private-key-file "$apiserver_dir/server.key" --client-ca-file "$apiserver_dir/ca.crt" \
		--service-account-issuer https://kubernetes.default.svc --service-account-key-file "$apiserver_dir/accounts.key" \
		--service-account-signing-key-file "$apiserver_dir/accounts.key" --token-auth-file "$apiserver_dir/tokens.csv" \
		--authorization-mode Node,RBAC --service-cluster-ip-range 10.96.0.0/16 --disable-admission-plugins ServiceAccount \
		--enable-admission-plugins NodeRestriction --cert-dir "$apiserver_dir" "$@" >>"$apiserver_dir/apiserver.log" 2>&1 &
	apiserver_process=$!
}

apiserver_ready() {
	"${apiserver_in[@]}" curl -sf --cacert "$apiserver_dir/ca.crt" -H 'Authorization: Bearer admin-token' https://127.0.0.1:6443/readyz >/dev/null
}

apiserver_start() {
	apiserver_dir=$1 apiserver_binaries=$2
	shift 2
	apiserver_certificates "$apiserver_dir"
	printf '%s\n' 'admin-token,admin,admin,"system:masters"' 'agent-token,agent,agent,"agents"' >"$apiserver_dir/tokens.csv"
	apiserver_kubeconfig "$apiserver_dir" admin-token >"$apiserver_dir/admin.kubeconfig"
	apiserver_kubeconfig "$apiserver_dir" agent-token >"$apiserver_dir/agent.kubeconfig" # may nothing, until it is bound to a role
	apiserver_run_etcd
	apiserver_run "$@"
	local deadline=$((SECONDS + 180))
	until apiserver_ready; do
		((SECONDS < deadline)) || { tail -n 20 "$apiserver_dir/apiserver.log" >&2; return 1; }
		sleep 0.1
	done
}

apiserver_stop() {
	local process
	for process in "${apiserver_process:-}" "${apiserver_etcd:-}"; do
		[[ -z $process ]] || { kill -KILL "$process" && wait "$process"; } 2>/dev/null || true
	done
}
