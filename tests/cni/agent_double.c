// SPDX-License-Identifier: Apache-2.0
#include "agent_double.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../controller/cni_protocol.h"

static bool receive_all(int fd, void *bytes, size_t length) {
	for (ssize_t got; length > 0; bytes = (char *)bytes + got, length -= (size_t)got)
		if ((got = recv(fd, bytes, length, 0)) <= 0)
			return false;
	return true;
}

static bool receive_request(struct agent_double *agent, int fd) {
	struct vpc_cni_header header;
	if (!receive_all(fd, &header, sizeof header) || header.magic != VPC_CNI_MAGIC || header.first > sizeof agent->environment ||
		header.second > sizeof agent->configuration)
		return false;
	agent->commands[agent->requests++ % 4] = header.code;
	agent->environment_length = header.first;
	agent->configuration_length = header.second;
	return receive_all(fd, agent->environment, header.first) && receive_all(fd, agent->configuration, header.second);
}

static void send_bytes(struct agent_double *agent, int fd, const void *bytes, size_t length) {
	size_t piece = agent->fault == TRICKLES ? 1 : length;
	for (size_t sent = 0; sent < length; sent += piece)
		if (send(fd, (const char *)bytes + sent, piece, MSG_NOSIGNAL) < 0)
			return;
}

static void reply(struct agent_double *agent, int fd) {
	bool is_delete = agent->commands[(agent->requests - 1) % 4] == VPC_CNI_DEL;
	const char *body = is_delete ? "" : agent->body;
	struct vpc_cni_header header = {VPC_CNI_MAGIC, is_delete ? 0 : agent->code, strlen(body), is_delete ? 0 : agent->mtu};
	size_t header_length = sizeof header, body_length = strlen(body);
	char ignored;
	switch (agent->fault) {
	case HANGS: recv(fd, &ignored, 1, 0); return;
	case TALKS_GARBAGE: send_bytes(agent, fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28); return;
	case SAYS_NOTHING: return;
	case CUTS_HEADER: header_length /= 2, body_length = 0; break;
	case CUTS_BODY: body_length /= 2; break;
	case CLAIMS_MUCH: header.first = UINT32_MAX; break;
	case CLAIMS_MTU: header.second = UINT32_MAX; break;
	default: break;
	}
	send_bytes(agent, fd, &header, header_length);
	send_bytes(agent, fd, body, body_length);
}

static void *serve(void *context) {
	struct agent_double *agent = context;
	for (int fd; (fd = accept(agent->fd, NULL, NULL)) >= 0; close(fd))
		if (agent->fault != IGNORES && receive_request(agent, fd))
			reply(agent, fd);
	return NULL;
}

void agent_double_start(struct agent_double *agent) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	agent->fd = -1;
	if (agent->fault == HAS_NO_SOCKET)
		return;
	memcpy(address.sun_path, agent->path, sizeof address.sun_path);
	agent->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(agent->fd, (struct sockaddr *)&address, sizeof address), 0);
	if (agent->fault == LEFT_SOCKET) {
		close(agent->fd);
		agent->fd = -1;
		return;
	}
	assert_int_equal(listen(agent->fd, 16), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, serve, agent), 0);
	agent->thread_ = (long)thread;
}

void agent_double_stop(struct agent_double *agent) {
	if (agent->fd >= 0) {
		shutdown(agent->fd, SHUT_RDWR); /* wakes accept() */
		pthread_join((pthread_t)agent->thread_, NULL);
		close(agent->fd);
	}
	unlink(agent->path);
}
