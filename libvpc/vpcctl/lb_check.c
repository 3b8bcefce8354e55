// SPDX-License-Identifier: Apache-2.0
#include "lb_check.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb_verbs.h"

/* A backend of a VIP that is checked. */
struct target {
	struct target *next;
	struct vpc_lb_service service;
	uint8_t address[16];
	CURL *request; /* NULL: no check runs */
	bool down, is_wanted;
	uint32_t in_a_row; /* results that contradict the state */
};

struct lb_checks {
	struct lb_check check;
	CURLM *multi;
	struct target *targets;
};

static int wrong(struct vpc_error *error, const char *text, const char *why) {
	snprintf(error->text, sizeof error->text, "--check: '%.128s': %s; for example: tcp, tcp:8080, http:8080/health, http/health=204, none", text, why);
	return -EINVAL;
}

static int parse_number(const char **text, uint32_t highest, uint32_t *ret_number) {
	char *end;
	unsigned long number = strtoul(*text, &end, 10);
	if (**text < '0' || **text > '9' || number < 1 || number > highest)
		return -EINVAL;
	*text = end;
	*ret_number = (uint32_t)number;
	return 0;
}

/* "/health=204" */
static int parse_path(const char *text, struct lb_check *check) {
	const char *equals = strrchr(text, '='), *status = equals ? equals + 1 : NULL;
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	if (text[0] != '/' || length >= sizeof check->path)
		return -EINVAL;
	if (status && (parse_number(&status, 599, &check->status) || *status || check->status < 100))
		return -EINVAL;
	memcpy(check->path, text, length);
	check->path[length] = '\0';
	return 0;
}

int lb_check_parse(const char *text, struct lb_check *ret_check, struct vpc_error *error) {
	struct lb_check check = {0};
	uint32_t port = 0;
	const char *rest = text;
	if (strcmp(text, "none") == 0) {
		check.kind = LB_CHECK_NONE;
		*ret_check = check;
		return 0;
	}
	if (strncmp(text, "tcp", 3) == 0)
		check.kind = LB_CHECK_TCP, rest += 3;
	else if (strncmp(text, "http", 4) == 0)
		check.kind = LB_CHECK_HTTP, rest += 4;
	else
		return wrong(error, text, "neither tcp, http nor none");
	if (*rest == ':' && (rest++, parse_number(&rest, 65535, &port)))
		return wrong(error, text, "the port is not within 1 to 65535");
	check.port = (uint16_t)port;
	if (check.kind == LB_CHECK_TCP && *rest)
		return wrong(error, text, "something follows the port");
	if (check.kind == LB_CHECK_HTTP && parse_path(rest, &check))
		return wrong(error, text, "a path is missing, or no status of 100 to 599 follows its =");
	*ret_check = check;
	return 0;
}

struct lb_checks *lb_checks_new(const struct lb_check *check) {
	struct lb_checks *checks = calloc(1, sizeof *checks);
	if (!checks)
		return NULL;
	checks->check = *check;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	checks->multi = curl_multi_init();
	return checks->multi ? checks : lb_checks_free(checks);
}

static void end_request(struct lb_checks *checks, struct target *target) {
	if (!target->request)
		return;
	curl_multi_remove_handle(checks->multi, target->request);
	curl_easy_cleanup(target->request);
	target->request = NULL;
}

struct lb_checks *lb_checks_free(struct lb_checks *checks) {
	if (!checks)
		return NULL;
	for (struct target *target = checks->targets, *next; target; target = next) {
		next = target->next;
		end_request(checks, target);
		free(target);
	}
	curl_multi_cleanup(checks->multi);
	curl_global_cleanup();
	free(checks);
	return NULL;
}

static struct target *find_target(struct lb_checks *checks, const struct vpc_lb_service *service, const uint8_t address[16]) {
	for (struct target *target = checks->targets; target; target = target->next)
		if (target->service.protocol == service->protocol && target->service.port == service->port &&
			memcmp(target->service.address, service->address, 16) == 0 && memcmp(target->address, address, 16) == 0)
			return target;
	struct target *target = calloc(1, sizeof *target);
	if (!target)
		return NULL;
	target->service = *service;
	memcpy(target->address, address, sizeof target->address);
	target->next = checks->targets;
	checks->targets = target;
	return target;
}

static size_t ignore_body(char *bytes, size_t size, size_t count, void *context) {
	(void)bytes;
	(void)context;
	return size * count;
}

static CURL *make_request(const struct lb_checks *checks, struct target *target) {
	const struct lb_check *check = &checks->check;
	char address[LB_ADDRESS_TEXT], url[512];
	CURL *request = curl_easy_init();
	if (!request)
		return NULL;
	lb_format_address(target->address, address);
	snprintf(url, sizeof url, strchr(address, ':') ? "http://[%s]:%u%s" : "http://%s:%u%s", address, check->port ?: target->service.port,
		check->kind == LB_CHECK_HTTP ? check->path : "/");
	curl_easy_setopt(request, CURLOPT_URL, url);
	curl_easy_setopt(request, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl_easy_setopt(request, CURLOPT_CONNECT_ONLY, check->kind == LB_CHECK_TCP ? 1L : 0L);
	curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, 1000L * check->every);
	curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(request, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(request, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, ignore_body);
	curl_easy_setopt(request, CURLOPT_PRIVATE, target);
	return request;
}

static enum lb_check_kind kind_for(const struct lb_checks *checks, const struct vpc_lb_service *service) {
	if (checks->check.kind != LB_CHECK_DEFAULT)
		return checks->check.kind;
	return service->protocol == VPC_LB_TCP ? LB_CHECK_TCP : LB_CHECK_NONE;
}

int lb_checks_start(struct lb_checks *checks, const struct vpc_lb_service *service, const uint8_t address[16], bool down) {
	if (kind_for(checks, service) == LB_CHECK_NONE)
		return 0;
	struct target *target = find_target(checks, service, address);
	if (!target)
		return -ENOMEM;
	target->down = down;
	target->is_wanted = true;
	if (target->request)
		return 0;
	struct lb_check *check = &checks->check, kept = *check;
	check->kind = kind_for(checks, service);
	target->request = make_request(checks, target);
	*check = kept;
	if (!target->request)
		return -ENOMEM;
	curl_multi_add_handle(checks->multi, target->request);
	return 0;
}

void lb_checks_forget_others(struct lb_checks *checks) {
	for (struct target **link = &checks->targets, *target; (target = *link);) {
		if (target->is_wanted) {
			target->is_wanted = false;
			link = &target->next;
			continue;
		}
		*link = target->next;
		end_request(checks, target);
		free(target);
	}
}

void lb_checks_wait(struct lb_checks *checks, int fd, int milliseconds) {
	struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
	int running;
	curl_multi_perform(checks->multi, &running);
	curl_multi_poll(checks->multi, &extra, 1, milliseconds, NULL);
	curl_multi_perform(checks->multi, &running);
}

/* Whether it failed, and why. */
static bool has_failed(const struct lb_checks *checks, CURL *request, CURLcode code, char *reason, size_t size) {
	long status = 0;
	if (code != CURLE_OK) {
		snprintf(reason, size, "%s", curl_easy_strerror(code));
		return true;
	}
	if (checks->check.kind != LB_CHECK_HTTP)
		return false;
	curl_easy_getinfo(request, CURLINFO_RESPONSE_CODE, &status);
	snprintf(reason, size, "HTTP status %ld", status);
	return checks->check.status ? status != (long)checks->check.status : status < 200 || status > 399;
}

bool lb_checks_next_change(struct lb_checks *checks, struct lb_check_change *ret_change) {
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(checks->multi, &left))) {
		struct target *target;
		struct lb_check_change change = {0};
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&target);
		bool failed = has_failed(checks, message->easy_handle, message->data.result, change.reason, sizeof change.reason);
		end_request(checks, target);
		target->in_a_row = failed == target->down ? 0 : target->in_a_row + 1;
		if (target->in_a_row < (failed ? checks->check.fall : checks->check.rise))
			continue;
		target->in_a_row = 0;
		target->down = failed;
		change.service = target->service;
		change.down = failed;
		memcpy(change.address, target->address, sizeof change.address);
		*ret_change = change;
		return true;
	}
	return false;
}
