// SPDX-License-Identifier: Apache-2.0
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "../cleanup.h"

#define LARGEST_MTU 65535

struct connection {
	int fd;
	int64_t deadline;
	const char *path;
	struct cni_error *error;
};

int64_t cni_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct vpc_cni_header cni_request_header(const struct cni_request *request) {
	return (struct vpc_cni_header){VPC_CNI_MAGIC, request->command, request->environment_length, request->configuration_length};
}

static int late(struct connection *connection) {
	return cni_fail(connection->error, CNI_TRY_AGAIN, "the agent behind %s does not answer in time; see its log", connection->path);
}

/* A full backlog is no reason to give up before the deadline: an agent that starts is slow to accept. */
static int connect_to(struct connection *connection) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timespec pause = {.tv_nsec = 2000000};
	strncpy(address.sun_path, connection->path, sizeof address.sun_path - 1);
	while (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return cni_fail(connection->error, CNI_TRY_AGAIN, "no agent at %s: %s; is vpc-controller running on this node?", connection->path, strerror(errno));
		if (cni_now() >= connection->deadline)
			return late(connection);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int wait_for(struct connection *connection, short events) {
	struct pollfd waiting = {connection->fd, events, 0};
	for (;;) {
		int64_t left = connection->deadline - cni_now();
		int count = left > 0 ? poll(&waiting, 1, (int)left) : 0;
		if (count > 0)
			return 0;
		if (count == 0)
			return late(connection);
		if (errno != EINTR)
			return cni_fail(connection->error, CNI_TRY_AGAIN, "%s: poll: %s", connection->path, strerror(errno));
	}
}

static int send_all(struct connection *connection, const void *bytes, size_t length) {
	while (length > 0) {
		int code = wait_for(connection, POLLOUT);
		if (code)
			return code;
		ssize_t sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return cni_fail(connection->error, CNI_TRY_AGAIN, "the agent behind %s closed the connection: %s", connection->path, strerror(errno));
		if (sent > 0) {
			bytes = (const char *)bytes + sent;
			length -= sent;
		}
	}
	return 0;
}

static int receive_all(struct connection *connection, void *bytes, size_t length) {
	while (length > 0) {
		int code = wait_for(connection, POLLIN);
		if (code)
			return code;
		ssize_t received = recv(connection->fd, bytes, length, 0);
		if (received == 0)
			return cni_fail(connection->error, CNI_BROKEN_REPLY, "the reply of the agent behind %s ends %zu bytes early", connection->path, length);
		if (received < 0 && errno != EAGAIN && errno != EINTR)
			return cni_fail(connection->error, CNI_BROKEN_REPLY, "the agent behind %s closed the connection: %s", connection->path, strerror(errno));
		if (received > 0) {
			bytes = (char *)bytes + received;
			length -= received;
		}
	}
	return 0;
}

static int send_request(struct connection *connection, const struct cni_request *request) {
	struct vpc_cni_header header = cni_request_header(request);
	int code = send_all(connection, &header, sizeof header);
	if (!code)
		code = send_all(connection, request->environment, request->environment_length);
	if (!code)
		code = send_all(connection, request->configuration, request->configuration_length);
	return code;
}

static int receive_reply(struct connection *connection, struct cni_reply *ret_reply) {
	struct vpc_cni_header header;
	int code = receive_all(connection, &header, sizeof header);
	if (code)
		return code;
	if (header.magic != VPC_CNI_MAGIC || header.first > VPC_CNI_LIMIT || header.second > LARGEST_MTU)
		return cni_fail(connection->error, CNI_BROKEN_REPLY, "what listens at %s does not speak our protocol; are plugin and agent of one version?", connection->path);

	_cleanup_(free_memory) char *body = malloc(header.first + 1);
	if (!body)
		return cni_fail(connection->error, CNI_TRY_AGAIN, "no memory for a reply of %u bytes", header.first);
	code = receive_all(connection, body, header.first);
	if (code)
		return code;
	*ret_reply = (struct cni_reply){header.code, header.second, body, header.first};
	body = NULL;
	return 0;
}

int cni_exchange(const char *socket_path, const struct cni_request *request, int64_t deadline, struct cni_reply *ret_reply, struct cni_error *error) {
	_cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct connection connection = {fd, deadline, socket_path, error};
	if (fd < 0)
		return cni_fail(error, CNI_TRY_AGAIN, "socket: %s", strerror(errno));
	int code = connect_to(&connection);
	if (!code)
		code = send_request(&connection, request);
	if (!code)
		code = receive_reply(&connection, ret_reply);
	return code;
}
