// SPDX-License-Identifier: Apache-2.0
#include "cni_server.h"
#include "../cleanup.h"
#include "files.h"
#include "log.h"
#include "metrics.h"
#include "text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REQUEST_MS 10000 /* a client that has not said all by then is let go */
#define BACKLOG 128
#define QUEUE_MS 1000

struct cni_server {
	struct agent *agent;
	uv_pipe_t listener;
	uv_fs_event_t watch;
	uv_timer_t often;
	int queue;
	size_t adds; /* under way */
};

struct connection {
	struct agent *agent;
	enum vpc_cni_command command; /* 0: nothing was asked yet */
	uint64_t asked;               /* uv_hrtime() */
	uv_pipe_t pipe;
	uv_timer_t timer;
	uv_write_t write;
	struct buffer input, output;
	bool closing;
	int handles;
};

/* ---- one connection ---- */

static void note_handle_closed(uv_handle_t *handle) {
	struct connection *connection = handle->data;
	if (--connection->handles)
		return;
	buffer_release(&connection->input);
	buffer_release(&connection->output);
	free(connection);
}

static void close_connection(struct connection *connection) {
	if (connection->closing)
		return;
	connection->closing = true;
	uv_close((uv_handle_t *)&connection->pipe, note_handle_closed);
	uv_close((uv_handle_t *)&connection->timer, note_handle_closed);
}

static void note_written(uv_write_t *write, int status) {
	(void)status;
	close_connection(write->data);
}

size_t cni_server_adds(const struct cni_server *server) {
	return server->adds;
}

static void measure(struct connection *connection, int code) {
	static const char *const COMMANDS[] = {"", "ADD", "DEL", "CHECK", "STATUS", "GC"};
	struct buffer labels = {0};
	char text[16];
	snprintf(text, sizeof text, "%d", code);
	metrics_label(&labels, "command", connection->command < COUNT_OF(COMMANDS) ? COMMANDS[connection->command] : "");
	metrics_label(&labels, "code", text);
	metrics_count(COUNT_CNI_REQUESTS, labels.bytes);
	buffer_release(&labels);
	if (connection->command != VPC_CNI_ADD)
		return;
	metrics_observe(TIME_ADD, (uv_hrtime() - connection->asked) / 1e9);
	connection->agent->server->adds--;
}

/* The request is at work and the client may have gone: then the answer finds nobody, and the connection ends here. */
static void send_reply(void *context, int code, const char *body, uint32_t mtu) {
	struct connection *connection = context;
	size_t length = body ? strlen(body) : 0;
	struct vpc_cni_header header = {VPC_CNI_MAGIC, code, length, mtu};
	measure(connection, code);
	buffer_append(&connection->output, &header, sizeof header);
	buffer_append(&connection->output, body, length);
	uv_buf_t bytes = uv_buf_init(connection->output.bytes, connection->output.length);
	connection->write.data = connection;
	if (uv_write(&connection->write, (uv_stream_t *)&connection->pipe, &bytes, 1, note_written) < 0)
		close_connection(connection);
}

static void refuse(struct connection *connection, int code, const char *message) {
	_cleanup_(free_memory) char *body = cni_print_error("1.0.0", code, message, "");
	send_reply(connection, code, body, 0);
}

static void handle_request(struct connection *connection, const struct vpc_cni_header *header) {
	struct cni_request request;
	struct vpc_error error = {""};
	const char *environment = connection->input.bytes + sizeof *header;
	uv_timer_stop(&connection->timer);
	uv_read_stop((uv_stream_t *)&connection->pipe);
	connection->command = header->code;
	connection->asked = uv_hrtime();
	connection->agent->server->adds += connection->command == VPC_CNI_ADD;
	int code = cni_request_parse(header->code, environment, header->first, environment + header->first, header->second, &request, &error);
	if (code) {
		log_event(LOG_WARNING, "cni", "BadRequest", "%s", error.text);
		refuse(connection, code, error.text);
		return;
	}
	cni_perform(connection->agent, &request, send_reply, connection);
}

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_bytes) {
	static char bytes[65536]; /* one loop, one read at a time */
	(void)handle;
	*ret_bytes = uv_buf_init(bytes, suggested < sizeof bytes ? suggested : sizeof bytes);
}

static void take_bytes(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes) {
	struct connection *connection = stream->data;
	struct vpc_cni_header header;
	if (count < 0) {
		close_connection(connection);
		return;
	}
	buffer_append(&connection->input, bytes->base, count);
	if (connection->input.length < sizeof header)
		return;
	memcpy(&header, connection->input.bytes, sizeof header);
	if (header.magic != VPC_CNI_MAGIC || header.first > VPC_CNI_LIMIT || header.second > VPC_CNI_LIMIT) {
		uv_read_stop(stream);
		refuse(connection, CNI_DECODE_FAILURE, "not a request of this protocol; vpc-cni and vpc-controller must be of the same release");
		return;
	}
	if (connection->input.length >= sizeof header + header.first + header.second)
		handle_request(connection, &header);
}

static void time_out(uv_timer_t *timer) {
	close_connection(timer->data);
}

static void accept_one(uv_stream_t *listener, int status) {
	struct cni_server *server = listener->data;
	if (status < 0)
		return;
	struct connection *connection = allocate(sizeof *connection);
	connection->agent = server->agent;
	connection->handles = 2;
	uv_pipe_init(&server->agent->loop, &connection->pipe, 0);
	uv_timer_init(&server->agent->loop, &connection->timer);
	connection->pipe.data = connection->timer.data = connection;
	if (uv_accept(listener, (uv_stream_t *)&connection->pipe) < 0 ||
	    uv_read_start((uv_stream_t *)&connection->pipe, provide, take_bytes) < 0)
		close_connection(connection);
	else
		uv_timer_start(&connection->timer, time_out, REQUEST_MS, 0);
}

/* ---- DELs on disk ---- */

static void ignore_reply(void *context, int code, const char *body, uint32_t mtu) {
	(void)context, (void)code, (void)body, (void)mtu;
}

static void take_queued(struct cni_server *server, const char *file) {
	_cleanup_(free_memory) char *bytes = NULL;
	struct vpc_cni_header header = {0};
	struct cni_request request;
	struct vpc_error error = {""};
	size_t length = 0;
	if (file_read(server->queue, file, &bytes, &length, NULL) < 0)
		return;
	if (length >= sizeof header)
		memcpy(&header, bytes, sizeof header);
	bool good = header.magic == VPC_CNI_MAGIC && header.code == VPC_CNI_DEL && header.first <= VPC_CNI_LIMIT &&
	            header.second <= VPC_CNI_LIMIT && length == sizeof header + header.first + header.second;
	int code = good ? cni_request_parse(header.code, bytes + sizeof header, header.first, bytes + sizeof header + header.first,
	                      header.second, &request, &error)
	                : fail(&error, CNI_DECODE_FAILURE, "not a queued DEL");
	if (code) {
		log_event(LOG_ERROR, file, "BrokenQueue", "%s; removed", error.text);
	} else {
		log_event(LOG_INFO, file, "QueuedDel", "container %s", request.container);
		cni_perform(server->agent, &request, ignore_reply, server);
	}
	unlinkat(server->queue, file, 0);
}

static int is_queued(const struct dirent *entry) {
	return entry->d_name[0] != '.';
}

void cni_server_take_queue(struct cni_server *server) {
	struct dirent **files;
	if (!server || *server->agent->not_ready)
		return;
	int count = scandirat(server->queue, ".", &files, is_queued, alphasort);
	for (int i = 0; i < count; i++) {
		take_queued(server, files[i]->d_name);
		free(files[i]);
	}
	if (count >= 0)
		free(files);
}

static void note_queue(uv_fs_event_t *watch, const char *name, int events, int status) {
	(void)name, (void)events, (void)status;
	cni_server_take_queue(watch->data);
}

static void look_at_queue(uv_timer_t *timer) {
	cni_server_take_queue(timer->data);
}

/* ---- opening and closing ---- */

static int listen_at(struct cni_server *server, const char *path, struct vpc_error *error) {
	_cleanup_(free_memory) char *folder = duplicate(path);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		_cleanup_(close_fd) int fd = folder_open(folder, true);
		if (fd < 0)
			return fail(error, fd, "%s: %s", folder, strerror(-fd));
	}
	unlink(path); /* of an agent that was killed */
	mode_t mask = umask(0177);
	int result = uv_pipe_bind(&server->listener, path);
	umask(mask);
	if (result == 0)
		result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, accept_one);
	return result < 0 ? fail(error, result, "%s: cannot listen: %s", path, uv_strerror(result)) : 0;
}

int cni_server_open(struct agent *agent, struct cni_server **ret_server, struct vpc_error *error) {
	struct cni_server *server = allocate(sizeof *server);
	server->agent = agent;
	server->queue = folder_open(agent->options.queue, true);
	if (server->queue < 0)
		return fail(
		    error, server->queue, "%s: %s; --queue names a folder that can be written", agent->options.queue, strerror(-server->queue));
	uv_pipe_init(&agent->loop, &server->listener, 0);
	uv_fs_event_init(&agent->loop, &server->watch);
	uv_timer_init(&agent->loop, &server->often);
	server->listener.data = server->watch.data = server->often.data = server;
	int result = listen_at(server, agent->options.socket, error);
	if (result < 0)
		return result;
	uv_fs_event_start(&server->watch, note_queue, agent->options.queue, 0);
	uv_timer_start(&server->often, look_at_queue, QUEUE_MS, QUEUE_MS);
	*ret_server = server;
	return 0;
}
