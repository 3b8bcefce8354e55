// SPDX-License-Identifier: Apache-2.0
//
// What one Pod costs on a node that runs the real agent: time of an ADD from request to reply, with one Pod present and
// with 500; the plugin's own share; kernel memory of a Pod; the agent's memory with 1,000 Pods.
//
//   this namespace: uplink 172.30.0.1, h1 ... h1000 ---- veth pairs ---- c1 ... c1000 in the namespace "pods"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../controller/cni_protocol.h"

enum { PODS = 1000, CROWD = 500, ROUNDS = 300 };

static struct {
	char directory[64], build[4096];
	pid_t agent;
} bench = {.directory = "/tmp/libvpc-bench.XXXXXX"};

static void stop_agent(void) {
	if (bench.agent > 0) {
		kill(bench.agent, SIGTERM);
		waitpid(bench.agent, NULL, 0);
	}
	bench.agent = 0;
}

__attribute__((format(printf, 1, 2)))
static void run(const char *format, ...) {
	char command[8192];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		bench_fail("failed: %s", command);
}

static void clean_up(void) {
	stop_agent();
	if (chdir("/") == 0 && umount2(bench.directory, MNT_DETACH) == 0)
		rmdir(bench.directory);
}

static FILE *open_output(const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", bench.directory, name);
	FILE *file = fopen(path, "w");
	if (!file)
		bench_fail("%s: %s", path, strerror(errno));
	return file;
}

/* A tmpfs holds everything, so that leaving the mount namespace removes it. */
static void make_room(void) {
	if (!mkdtemp(bench.directory) || unshare(CLONE_NEWNS | CLONE_NEWNET) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("tmpfs", bench.directory, "tmpfs", 0, NULL) || mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		bench_fail("namespaces of its own: %s", strerror(errno));
	atexit(clean_up);
	run("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && mkdir %s/manifests %s/state", bench.directory, bench.directory);
}

static void write_manifests(void) {
	FILE *file = open_output("manifests/bench.yaml");
	fprintf(file, "apiVersion: libvpc.io/v1alpha1\nkind: VPC\nmetadata: {name: red}\nspec: {encapsulation: vxlan, namespaces: [\"*\"]}\n");
	for (int i = 1; i <= PODS; i++)
		fprintf(file, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: default, uid: uid-%d, annotations: {libvpc.io/vpc: red}}\n"
			"spec: {nodeName: n1}\n", i, i);
	fclose(file);
}

static void make_interfaces(void) {
	FILE *file = open_output("links");
	fprintf(file, "link set lo up\nlink add uplink type veth peer name wire\naddress add 172.30.0.1/24 dev uplink\nlink set uplink up\nlink set wire up\n");
	for (int i = 1; i <= PODS; i++)
		fprintf(file, "link add h%d address 02:00:01:00:%02x:%02x type veth peer name c%d address 02:00:02:00:%02x:%02x netns pods\nlink set h%d up\n",
			i, i >> 8, i & 255, i, i >> 8, i & 255, i);
	fclose(file);
	run("ip netns add pods && ip -batch %s/links", bench.directory);
}

static void start_agent(void) {
	char program[4200], manifests[128], state[128], socket[128], queue[128], ready[128], log[128];
	snprintf(program, sizeof program, "%s/bin/vpc-controller", bench.build);
	snprintf(manifests, sizeof manifests, "%s/manifests", bench.directory);
	snprintf(state, sizeof state, "%s/state", bench.directory);
	snprintf(socket, sizeof socket, "%s/cni.sock", bench.directory);
	snprintf(queue, sizeof queue, "%s/queue", bench.directory);
	snprintf(ready, sizeof ready, "%s/ready", bench.directory);
	snprintf(log, sizeof log, "%s/log", bench.directory);
	bench.agent = fork();
	if (bench.agent == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDERR_FILENO);
		execl(program, program, "--node", "n1", "--manifests", manifests, "--underlay", "172.30.0.1", "--uplink", "uplink", "--state", state,
			"--socket", socket, "--queue", queue, "--ready-file", ready, (char *)NULL);
		_exit(127);
	}
	for (uint64_t deadline = bench_now() + 20000000000u; access(ready, F_OK); poll(NULL, 0, 5))
		if (bench_now() > deadline || waitpid(bench.agent, NULL, WNOHANG))
			run("cat %s >&2; false", log);
}

struct request {
	char environment[512], configuration[2048];
	uint32_t environment_length, configuration_length;
};

static void make_request(int pod, const char *command, struct request *ret_request) {
	int length = snprintf(ret_request->environment, sizeof ret_request->environment,
		"CNI_COMMAND=%s%cCNI_CONTAINERID=bench-%d%cCNI_NETNS=/run/netns/pods%cCNI_IFNAME=c%d%cCNI_ARGS=K8S_POD_NAMESPACE=default;K8S_POD_NAME=p%d%cCNI_PATH=/usr/lib/cni",
		command, 0, pod, 0, 0, pod, 0, pod, 0);
	ret_request->environment_length = (uint32_t)length + 1;
	ret_request->configuration_length = (uint32_t)snprintf(ret_request->configuration, sizeof ret_request->configuration,
		"{\"cniVersion\":\"1.0.0\",\"name\":\"main\",\"type\":\"vpc-cni\",\"socket\":\"%s/cni.sock\",\"queue\":\"%s/queue\",\"prevResult\":{\"cniVersion\":\"1.0.0\","
		"\"interfaces\":[{\"name\":\"h%d\",\"mac\":\"02:00:01:00:%02x:%02x\"},{\"name\":\"c%d\",\"mac\":\"02:00:02:00:%02x:%02x\",\"sandbox\":\"/run/netns/pods\"}],"
		"\"ips\":[{\"interface\":1,\"address\":\"10.1.%d.%d/16\",\"gateway\":\"10.1.0.1\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}",
		bench.directory, bench.directory, pod, pod >> 8, pod & 255, pod, pod >> 8, pod & 255, pod >> 8, pod & 255);
}

static void transfer(int fd, void *bytes, size_t length, int sending) {
	for (size_t done = 0; done < length;) {
		ssize_t part = sending ? send(fd, (char *)bytes + done, length - done, MSG_NOSIGNAL) : recv(fd, (char *)bytes + done, length - done, 0);
		if (part <= 0)
			bench_fail("the agent closed the connection");
		done += (size_t)part;
	}
}

/* Nanoseconds from the request to the whole reply. */
static double ask(int pod, enum vpc_cni_command command, const char *name) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct request request;
	char body[16384];
	make_request(pod, name, &request);
	struct vpc_cni_header header = {VPC_CNI_MAGIC, command, request.environment_length, request.configuration_length};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/cni.sock", bench.directory);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t start = bench_now();
	if (connect(fd, (struct sockaddr *)&address, sizeof address))
		bench_fail("%s: %s", address.sun_path, strerror(errno));
	transfer(fd, &header, sizeof header, 1);
	transfer(fd, request.environment, request.environment_length, 1);
	transfer(fd, request.configuration, request.configuration_length, 1);
	transfer(fd, &header, sizeof header, 0);
	if (header.first >= sizeof body)
		bench_fail("a reply of %u bytes", header.first);
	transfer(fd, body, header.first, 0);
	uint64_t end = bench_now();
	close(fd);
	body[header.first] = 0;
	if (header.code)
		bench_fail("%s of Pod %d: %s", name, pod, body);
	return (double)(end - start);
}

static double add(int pod) {
	return ask(pod, VPC_CNI_ADD, "ADD");
}

static void delete(int pod) {
	ask(pod, VPC_CNI_DEL, "DEL");
}

static double add_by_plugin(int pod) {
	char program[4200];
	struct request request;
	int input[2];
	make_request(pod, "ADD", &request);
	snprintf(program, sizeof program, "%s/bin/vpc-cni", bench.build);
	if (pipe(input) || write(input[1], request.configuration, request.configuration_length) != (ssize_t)request.configuration_length)
		bench_fail("pipe: %s", strerror(errno));
	close(input[1]);
	uint64_t start = bench_now();
	pid_t child = vfork();
	if (child == 0) {
		char *environment[8] = {0}, *at = request.environment;
		for (int i = 0; at < request.environment + request.environment_length && i < 7; at += strlen(at) + 1)
			environment[i++] = at;
		int null = open("/dev/null", O_WRONLY);
		dup2(input[0], STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		execle(program, program, (char *)NULL, environment);
		_exit(127);
	}
	int status;
	waitpid(child, &status, 0);
	uint64_t end = bench_now();
	close(input[0]);
	if (status)
		bench_fail("vpc-cni ADD of Pod %d ends with status %d", pod, status);
	return (double)(end - start);
}

static double add_and_delete(void *context) {
	int pod = *(int *)context;
	double time = add(pod);
	delete(pod);
	return time;
}

static double add_by_plugin_and_delete(void *context) {
	int pod = *(int *)context;
	double time = add_by_plugin(pod);
	delete(pod);
	return time;
}

static void print_percentile(const char *name, struct bench_samples *samples, double share, double target) {
	struct bench_row row = {.name = name, .unit = "ms", .value = bench_percentile(samples, share) / 1e6, .baseline = BENCH_NONE, .ratio = BENCH_NONE,
		.target = target, .goal = BENCH_AT_MOST,
		.spread_low = bench_percentile(samples, 0.25) / 1e6, .spread_high = bench_percentile(samples, 0.75) / 1e6};
	bench_print(&row);
}

static void measure_add(int pod, const char *median_name, const char *tail_name) {
	double (*const functions[])(void *) = {add_and_delete};
	struct bench_samples samples;
	bench_interleave(functions, &pod, 1, 10, ROUNDS, &samples);
	print_percentile(median_name, &samples, 0.5, 1);
	print_percentile(tail_name, &samples, 0.99, 3);
}

static void measure_plugin(int pod) {
	double (*const functions[])(void *) = {add_by_plugin_and_delete, add_and_delete};
	struct bench_samples samples[2];
	bench_interleave(functions, &pod, 2, 5, 100, samples);
	double own = (bench_percentile(&samples[0], 0.5) - bench_percentile(&samples[1], 0.5)) / 1e6;
	struct bench_row row = {.name = "vpc-cni ADD beyond the agent's own work", .unit = "ms", .value = own, .baseline = bench_percentile(&samples[1], 0.5) / 1e6,
		.ratio = BENCH_NONE, .target = 5, .goal = BENCH_AT_MOST, .spread_low = own, .spread_high = own};
	bench_print(&row);
}

static double read_number(const char *command) {
	FILE *pipe = popen(command, "r");
	double number = -1;
	if (!pipe || fscanf(pipe, "%lf", &number) != 1)
		bench_fail("no number from: %s", command);
	pclose(pipe);
	return number;
}

/* Programs as fdinfo and the JIT tell; map entries by key and value size with the hash's own 48 bytes; a link is one slab object of 256. */
static void measure_kernel_memory(void) {
	double programs = read_number("bpftool -j prog show | jq '[.[] | select(.name == \"from_pod\" or .name == \"to_pod\") | .bytes_memlock + .bytes_jited] | add'");
	double count = read_number("bpftool -j prog show | jq '[.[] | select(.name == \"from_pod\")] | length'");
	double entries = read_number("bpftool -j map show | jq '[.[] | select(.name == \"pods\" or .name == \"members\" or .name == \"next_hops\" or .name == \"records\") | .bytes_key + .bytes_value + 48] | add'");
	double each = (programs / count + entries + 2 * 256) / 1024;
	struct bench_row row = {.name = "kernel memory of a Pod", .unit = "KiB", .value = each, .baseline = BENCH_NONE, .ratio = BENCH_NONE, .target = 24,
		.goal = BENCH_AT_MOST, .spread_low = each, .spread_high = each};
	bench_print(&row);
}

static void measure_agent_memory(void) {
	char command[128];
	snprintf(command, sizeof command, "awk '/VmHWM/ {print $2}' /proc/%d/status", bench.agent);
	double mebibytes = read_number(command) / 1024;
	struct bench_row row = {.name = "agent's memory (VmHWM) with 1000 Pods", .unit = "MiB", .value = mebibytes, .baseline = BENCH_NONE, .ratio = BENCH_NONE,
		.target = 16, .goal = BENCH_AT_MOST, .spread_low = mebibytes, .spread_high = mebibytes};
	bench_print(&row);
}

int main(int argc, char **argv) {
	if (argc != 2 || !realpath(argv[1], bench.build))
		bench_fail("usage: bench_pod BUILD-DIRECTORY");
	make_room();
	write_manifests();
	make_interfaces();
	start_agent();
	add(1);
	delete(1);
	measure_add(1, "ADD, request to reply, no other Pod, p50", "ADD, request to reply, no other Pod, p99");
	for (int pod = 1; pod <= CROWD; pod++)
		add(pod);
	measure_add(CROWD + 1, "ADD, request to reply, 500 Pods, p50", "ADD, request to reply, 500 Pods, p99");
	measure_plugin(CROWD + 1);
	measure_kernel_memory();
	for (int pod = CROWD + 1; pod <= PODS; pod++)
		add(pod);
	measure_agent_memory();
	return 0;
}
