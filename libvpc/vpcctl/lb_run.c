// SPDX-License-Identifier: Apache-2.0
/* The balancer's agent: makes what the command line says, then keeps next hops fresh and checks backends until it is told to end. */
#include "lb_verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "lb_check.h"

enum { REFRESH_MILLISECONDS = 1000 };

struct agent {
	struct vpc_lb *lb;
	struct lb_checks *checks;
	struct lb_check check;
	int signals;
	const struct vpc_lb_service *service; /* whose backends are being visited */
	struct vpc_error error;
	size_t backends;
};

static uint64_t now_milliseconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int is_same_address(const struct vpc_lb_backend *backend, void *context) {
	return memcmp(backend->address, context, sizeof backend->address) == 0;
}

/* What is there already stays as it was changed since: a restart undoes nothing. */
static int make_wanted(struct vpc_lb *lb, struct lb_wanted *wanted, struct vpc_error *error) {
	int result = 0;
	for (size_t i = 0; i < wanted->vip_count && result == 0; i++) {
		const struct vpc_lb_service *service = &wanted->vips[i].service;
		result = vpc_lb_vip_add(lb, &wanted->vips[i], error);
		for (size_t j = 0; j < wanted->backend_count && result == 0; j++) {
			result = vpc_lb_backend_each(lb, service, is_same_address, wanted->backends[j].address, error);
			if (result == 0)
				result = vpc_lb_backend_set(lb, service, &wanted->backends[j], error);
			else if (result == 1)
				result = 0;
		}
	}
	return result;
}

static int start_check(const struct vpc_lb_backend *backend, void *context) {
	struct agent *agent = context;
	agent->backends++;
	return lb_checks_start(agent->checks, agent->service, backend->address, backend->down);
}

static int start_checks_of(const struct vpc_lb_vip *vip, void *context) {
	struct agent *agent = context;
	agent->service = &vip->service;
	return vpc_lb_backend_each(agent->lb, &vip->service, start_check, agent, &agent->error);
}

static int start_checks(struct agent *agent) {
	agent->backends = 0;
	int result = vpc_lb_vip_each(agent->lb, start_checks_of, agent, &agent->error);
	lb_checks_forget_others(agent->checks);
	return result;
}

static int write_changes(struct agent *agent) {
	struct lb_check_change change;
	char vip[VPC_LB_SERVICE_TEXT], address[LB_ADDRESS_TEXT];
	while (lb_checks_next_change(agent->checks, &change)) {
		int result = vpc_lb_backend_set_down(agent->lb, &change.service, change.address, change.down, &agent->error);
		if (result == -ENOENT)
			continue; /* it was removed meanwhile */
		if (result < 0)
			return result;
		printf("%s: backend %s is %s%s%s\n", vpc_lb_service_format(&change.service, vip), lb_format_address(change.address, address),
			change.down ? "down: " : "up", change.down ? change.reason : "", "");
		fflush(stdout);
	}
	return 0;
}

static int watch(struct agent *agent) {
	uint64_t next_check = now_milliseconds(), next_refresh = next_check;
	struct signalfd_siginfo signal;
	int result = 0;
	while (result >= 0 && read(agent->signals, &signal, sizeof signal) != sizeof signal) {
		uint64_t now = now_milliseconds();
		if (now >= next_refresh) {
			result = vpc_lb_refresh(agent->lb, &agent->error);
			next_refresh = now + REFRESH_MILLISECONDS;
		}
		if (result >= 0 && now >= next_check) {
			result = start_checks(agent);
			next_check = now + 1000ull * agent->check.every;
		}
		uint64_t next = next_check < next_refresh ? next_check : next_refresh;
		if (result >= 0)
			lb_checks_wait(agent->checks, agent->signals, next > now ? (int)(next - now) : 0);
		result = result < 0 ? result : write_changes(agent);
	}
	return result;
}

static int open_signals(void) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int read_check(const struct command_line *command_line, struct lb_check *ret_check, struct vpc_error *error) {
	struct lb_check check = {.kind = LB_CHECK_DEFAULT};
	const char *text = command_line->values[OPTION_CHECK];
	int result = text ? lb_check_parse(text, &check, error) : 0;
	if (result == 0)
		result = lb_read_number(command_line, OPTION_CHECK_EVERY, "check-every", 1, 3600, 2, &check.every, error);
	if (result == 0)
		result = lb_read_number(command_line, OPTION_CHECK_FALL, "check-fall", 1, 1000, 3, &check.fall, error);
	if (result == 0)
		result = lb_read_number(command_line, OPTION_CHECK_RISE, "check-rise", 1, 1000, 2, &check.rise, error);
	*ret_check = check;
	return result;
}

static int check_mode(const struct command_line *command_line, struct vpc_error *error) {
	const char *mode = command_line->values[OPTION_MODE];
	if (!mode || strcmp(mode, "dsr") == 0)
		return 0;
	snprintf(error->text, sizeof error->text, "--mode: '%.64s' is not dsr (direct server return), which is what there is: backends unwrap packets and answer clients themselves", mode);
	return -EINVAL;
}

void print_lb_run(void) {
	printf("\nWhat is there already is kept as it is: 'lb add', 'lb drain' and 'lb remove' change it under traffic, also from elsewhere.\n"
		   "The balancer goes on when this command ends; run it again to go on checking. 'lb stop' ends it.\n"
		   "Packets are wrapped in IP for the backends, which unwrap them ('lb decap'), have the VIP themselves, and answer clients directly.\n");
}

static void free_checks(struct lb_checks **checks) {
	lb_checks_free(*checks);
}

enum exit_status lb_run(const struct command_line *command_line) {
	_cleanup_(free_lb) struct vpc_lb *lb = NULL;
	_cleanup_(free_checks) struct lb_checks *checks = NULL;
	_cleanup_(close_fd) int signals = -1;
	struct vpc_error error = {""};
	struct lb_wanted wanted;
	struct agent agent = {0};
	int result = lb_read_wanted(command_line, &wanted, &error);
	result = result ?: check_mode(command_line, &error);
	result = result ?: read_check(command_line, &agent.check, &error);
	if (result < 0) {
		fprintf(stderr, "vpcctl: %s\n", error.text);
		return EXIT_USAGE;
	}
	result = lb_open(command_line, false, &lb, &error);
	result = result ?: make_wanted(lb, &wanted, &error);
	result = result ?: vpc_lb_attach(lb, command_line->hook, &error);
	result = result ?: lb_wait_for_next_hops(lb, &error);
	if (result < 0)
		return report(result, &error);
	checks = lb_checks_new(&agent.check);
	signals = open_signals();
	if (!checks || signals < 0)
		return report(-ENOMEM, &error);
	printf("balancing on %s\n", command_line->values[OPTION_INTERFACE]);
	fflush(stdout);
	agent.lb = lb;
	agent.checks = checks;
	agent.signals = signals;
	result = watch(&agent);
	return result < 0 ? report(result, &agent.error) : EXIT_DONE;
}
