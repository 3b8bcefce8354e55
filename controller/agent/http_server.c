// SPDX-License-Identifier: Apache-2.0
#include "http_server.h"
#include "address.h"
#include "../cleanup.h"
#include "log.h"
#include "metrics.h"
#include "readiness.h"
#include "text.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <string.h>

#define CONNECTIONS 32    /* at once; more wait in the kernel's queue until one of these ends */
#define OWN_DESCRIPTORS 8 /* of the library: it counts its listener and pipes, too */
#define HEADER_BYTES 2048 /* of a request; a longer one is refused */
#define PATIENCE 5        /* seconds for a whole request, and for taking each part of an answer */
#define PART_BYTES 8192   /* of an answer, written at once */

/* An answer on its way. The library keeps one for each connection, zeroed. */
struct session {
	struct buffer body;
	size_t sent;
};

static char first_complaint[200]; /* of the library: it has no other way to say why it does not start */

static void take_complaint(int level, const char *line) {
	(void)level;
	int length = (int)strcspn(line, "\n");
	if (!*first_complaint)
		snprintf(first_complaint, sizeof first_complaint, "%.*s", length, line);
	log_event(LOG_DETAIL, "http", "Complaint", "%.*s", length, line);
}

/* ---- what is answered ---- */

static unsigned answer_health(const struct agent *agent, struct buffer *body) {
	(void)agent;
	buffer_text(body, "ok\n");
	return HTTP_STATUS_OK;
}

static unsigned answer_readiness(const struct agent *agent, struct buffer *body) {
	struct readiness parts[READINESS_PARTS];
	readiness_read(agent, parts);
	for (size_t i = 0; i < READINESS_PARTS; i++)
		buffer_format(body, "[%c] %s%s%s\n", parts[i].reason ? '-' : '+', parts[i].part, parts[i].reason ? ": " : " ok",
		    parts[i].reason ? parts[i].reason : "");
	return readiness_is_given(agent) ? HTTP_STATUS_OK : HTTP_STATUS_SERVICE_UNAVAILABLE;
}

static unsigned answer_metrics(const struct agent *agent, struct buffer *body) {
	metrics_print(agent, body);
	return HTTP_STATUS_OK;
}

static const struct page {
	const char *path, *type;
	unsigned (*answer)(const struct agent *agent, struct buffer *body);
} PAGES[] = {
    {"/healthz", "text/plain; charset=utf-8", answer_health},
    {"/readyz", "text/plain; charset=utf-8", answer_readiness},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", answer_metrics},
};

static unsigned fill(const struct agent *agent, struct lws *connection, const char *path, size_t length, struct buffer *body, const char **ret_type) {
	*ret_type = "text/plain; charset=utf-8";
	if (!lws_hdr_total_length(connection, WSI_TOKEN_GET_URI)) {
		buffer_text(body, "only GET is answered\n");
		return HTTP_STATUS_METHOD_NOT_ALLOWED;
	}
	for (size_t i = 0; i < COUNT_OF(PAGES); i++)
		if (strlen(PAGES[i].path) == length && !memcmp(PAGES[i].path, path, length)) {
			*ret_type = PAGES[i].type;
			return PAGES[i].answer(agent, body);
		}
	buffer_text(body, "/healthz, /readyz and /metrics are here\n");
	return HTTP_STATUS_NOT_FOUND;
}

/* ---- one connection. What these return goes to the library: not 0 ends the connection ---- */

static int start_answer(struct lws *connection, struct session *session, const char *path, size_t length) {
	const struct agent *agent = lws_context_user(lws_get_context(connection));
	unsigned char bytes[LWS_PRE + 512], *start = bytes + LWS_PRE, *at = start, *end = bytes + sizeof bytes - 1;
	const char *type;
	buffer_release(&session->body);
	session->sent = 0;
	unsigned status = fill(agent, connection, path, length, &session->body, &type);
	if (lws_add_http_header_status(connection, status, &at, end) ||
	    lws_add_http_header_by_token(connection, WSI_TOKEN_HTTP_CONTENT_TYPE, (const unsigned char *)type, (int)strlen(type), &at, end) ||
	    lws_add_http_header_content_length(connection, session->body.length, &at, end) ||
	    lws_add_http_header_by_token(connection, WSI_TOKEN_CONNECTION, (const unsigned char *)"close", 5, &at, end) ||
	    lws_finalize_write_http_header(connection, start, &at, end))
		return -1;
	lws_set_timeout(connection, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE);
	lws_callback_on_writable(connection);
	return 0;
}

static int continue_answer(struct lws *connection, struct session *session) {
	unsigned char bytes[LWS_PRE + PART_BYTES];
	size_t left = session->body.length - session->sent, part = left < PART_BYTES ? left : PART_BYTES;
	if (!part)
		return -1;
	memcpy(bytes + LWS_PRE, session->body.bytes + session->sent, part);
	session->sent += part;
	bool last = part == left;
	if (lws_write(connection, bytes + LWS_PRE, part, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0 || last)
		return -1;
	lws_set_timeout(connection, PENDING_TIMEOUT_HTTP_CONTENT, PATIENCE);
	lws_callback_on_writable(connection);
	return 0;
}

static int handle(struct lws *connection, enum lws_callback_reasons reason, void *user, void *bytes, size_t length) {
	struct session *session = user;
	switch (reason) {
	case LWS_CALLBACK_HTTP: return start_answer(connection, session, bytes, length);
	case LWS_CALLBACK_HTTP_WRITEABLE: return continue_answer(connection, session);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1;
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (session)
			buffer_release(&session->body);
		return 0;
	default: return 0;
	}
}

/* ---- opening ---- */

static bool is_loopback(const uint8_t address[16]) {
	static const uint8_t one[16] = {[15] = 1};
	return address_is_ipv4(address) ? address[12] == 127 : !memcmp(address, one, 16);
}

/* "127.0.0.1:14790", "[::1]:14790". */
static int parse_place(const struct options *options, char ret_host[INET6_ADDRSTRLEN], int *ret_port, struct vpc_error *error) {
	const char *text = options->http, *colon = strrchr(text, ':');
	bool brackets = *text == '[' && colon && colon > text + 1 && colon[-1] == ']';
	const char *host = text + brackets;
	size_t length = colon ? (size_t)(colon - host) - brackets : 0;
	char *end = NULL;
	uint8_t address[16];
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!length || length >= INET6_ADDRSTRLEN || colon[1] < '0' || colon[1] > '9' || *end || port < 1 || port > 65535)
		return fail(error, -EINVAL, "--http %s: ADDRESS:PORT is wanted, e.g. 127.0.0.1:14790 or [::1]:14790", text);
	memcpy(ret_host, host, length);
	ret_host[length] = '\0';
	if (address_parse(ret_host, address) < 0 || address_is_ipv4(address) == brackets)
		return fail(error, -EINVAL, "--http %s: '%s' is no address; IPv6 in brackets", text, ret_host);
	if (!is_loopback(address) && !options->http_not_loopback)
		return fail(error, -EINVAL, "--http %s: others can reach that address, and nobody is asked who they are; give --http-not-loopback "
		                            "if this is wanted", text);
	*ret_port = (int)port;
	return 0;
}

int http_server_open(struct agent *agent, struct vpc_error *error) {
	static const struct lws_protocols protocols[] = {
	    {.name = "http", .callback = handle, .per_session_data_size = sizeof(struct session)}, {.name = NULL}};
	void *loops[] = {&agent->loop};
	static char host[INET6_ADDRSTRLEN]; /* the library keeps a pointer to it */
	int port = 0, result = parse_place(&agent->options, host, &port, error);
	if (result < 0)
		return result;
	struct lws_context_creation_info info = {.port = port,
	    .iface = host,
	    .protocols = protocols,
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
	               (strchr(host, ':') ? LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE : LWS_SERVER_OPTION_DISABLE_IPV6),
	    .foreign_loops = loops,
	    .fd_limit_per_thread = CONNECTIONS + OWN_DESCRIPTORS,
	    .max_http_header_data = HEADER_BYTES,
	    .max_http_header_pool = CONNECTIONS,
	    .timeout_secs = PATIENCE,
	    .timeout_secs_ah_idle = PATIENCE,
	    .keepalive_timeout = PATIENCE,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	    .user = agent};
	lws_set_log_level(LLL_ERR, take_complaint);
	struct lws_context *context = lws_create_context(&info);
	if (!context || !lws_create_vhost(context, &info))
		return fail(error, -EADDRINUSE, "--http %s: cannot listen there: in use, or no address of this node (%s)", agent->options.http, first_complaint);
	log_event(LOG_INFO, "http", "Listening", "%s", agent->options.http);
	return 0;
}
