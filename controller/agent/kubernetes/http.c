// SPDX-License-Identifier: Apache-2.0
#include "../../cleanup.h"
#include "http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS 10000
#define BODY_LIMIT (16u << 20)   /* of one object */
#define REASON_LIMIT (64u << 10) /* of an answer that is no success */
#define STREAMS 90               /* API servers allow 100 on a connection */
#define POOL_WATCHES 80          /* on a connection; more would make libcurl open one for each that comes meanwhile */
#define UNARY_CONNECTIONS 8      /* for servers without HTTP/2; questions beyond that wait */
#define ALIVE_IDLE_S 3           /* the kernel asks an idle peer so often whether it is there */
#define ALIVE_INTERVAL_S 1
#define GONE_MS 3500 /* what was sent or asked is not acknowledged for so long: the peer is gone, or never was there */

/* Connections for one purpose. */
struct pool {
	struct pool *next;
	struct http *http;
	CURLM *multi;
	uv_timer_t timer;
	unsigned watches; /* under way */
};

struct http {
	uv_loop_t *loop;
	struct access *access;
	struct pool *unary, *watches; /* each a list, of which unary has one */
	struct http_exchange *first;
	unsigned handles; /* of libuv, open */
};

struct http_exchange {
	struct http_exchange *next, **link;
	struct http *http;
	struct pool *pool;
	struct access_ticket *ticket;
	uv_timer_t later; /* an answer that must not come inside http_start; then the silence of the server */
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	char *method, *path, *body, *content_type, *accept;
	struct http_call call;
	struct buffer received;
	uint64_t heard; /* uv_now of the last byte */
	int aborted;    /* what take returned, or -ETIMEDOUT of silence */
	bool asked_again;
	struct vpc_error failure; /* of the credential */
	char curl_error[CURL_ERROR_SIZE];
};

/* One socket of libcurl's. */
struct watched_socket {
	uv_poll_t poll;
	struct pool *pool;
	curl_socket_t socket;
};

static void begin(struct http_exchange *exchange);

/* ---- ends ---- */

static void note_exchange_closed(uv_handle_t *handle) {
	struct http_exchange *exchange = handle->data;
	free(exchange->method);
	free(exchange->path);
	free(exchange->body);
	free(exchange->content_type);
	free(exchange->accept);
	buffer_release(&exchange->received);
	free(exchange);
}

static void stop_transfer(struct http_exchange *exchange) {
	if (!exchange->easy)
		return;
	curl_multi_remove_handle(exchange->pool->multi, exchange->easy);
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	curl_slist_free_all(exchange->connect_to);
	exchange->easy = NULL;
	exchange->headers = exchange->connect_to = NULL;
}

struct http_exchange *http_cancel(struct http_exchange *exchange) {
	if (!exchange)
		return NULL;
	if (exchange->ticket)
		access_forget(exchange->ticket);
	stop_transfer(exchange);
	exchange->pool->watches -= exchange->call.watch;
	*exchange->link = exchange->next;
	if (exchange->next)
		exchange->next->link = exchange->link;
	uv_close((uv_handle_t *)&exchange->later, note_exchange_closed);
	return NULL;
}

static void finish(struct http_exchange *exchange, const struct http_answer *answer) {
	struct http_call call = exchange->call;
	struct buffer kept = exchange->received;
	exchange->received = (struct buffer){0};
	http_cancel(exchange);
	call.done(call.context, answer);
	buffer_release(&kept);
}

static void finish_late(uv_timer_t *timer) {
	struct http_exchange *exchange = timer->data;
	struct http_answer answer = {.result = exchange->aborted, .error = exchange->failure};
	finish(exchange, &answer);
}

static int errno_of(CURLcode code) {
	switch (code) {
	case CURLE_OK: return 0;
	case CURLE_COULDNT_CONNECT: return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return -EHOSTUNREACH;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE: return -EPROTO;
	case CURLE_OUT_OF_MEMORY: return -ENOMEM;
	default: return -ECONNRESET;
	}
}

static uint32_t retry_after_of(CURL *easy) {
	curl_off_t seconds = 0;
	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds <= 0 ? 0 : seconds > 600 ? 600000 : (uint32_t)seconds * 1000;
}

static void note_transferred(struct http_exchange *exchange, CURLcode code) {
	struct http_answer answer = {0};
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	if (answer.status == 401) {
		access_reject(exchange->http->access);
		if (!exchange->asked_again) {
			exchange->asked_again = true;
			stop_transfer(exchange);
			exchange->received.length = 0;
			begin(exchange);
			return;
		}
	}
	answer.retry_after = retry_after_of(exchange->easy);
	answer.body = exchange->received.length ? exchange->received.bytes : "";
	answer.length = exchange->received.length;
	answer.result = errno_of(code);
	if (exchange->aborted)
		answer.result = exchange->aborted;
	if (answer.result < 0)
		fail(&answer.error, answer.result, "%s: %s", access_config_of(exchange->http->access)->server,
		    exchange->aborted == -ETIMEDOUT ? "the server fell silent"
		    : exchange->aborted             ? strerror(-exchange->aborted)
		    : *exchange->curl_error         ? exchange->curl_error
		                                    : curl_easy_strerror(code));
	else if (answer.status < 200 || answer.status > 299)
		answer.result = fail(&answer.error, -EREMOTEIO, "%s %.200s: HTTP %ld", exchange->method, exchange->path, answer.status);
	finish(exchange, &answer);
}

/* ---- libcurl's events and libuv's ---- */

static void collect_finished(struct pool *pool) {
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(pool->multi, &left));) {
		struct http_exchange *exchange = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
		note_transferred(exchange, code);
	}
}

static void note_timeout(uv_timer_t *timer) {
	struct pool *pool = timer->data;
	int running;
	curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_finished(pool);
}

static int set_timer(CURLM *multi, long milliseconds, void *context) {
	struct pool *pool = context;
	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&pool->timer);
	else
		uv_timer_start(&pool->timer, note_timeout, milliseconds, 0);
	return 0;
}

static void note_socket(uv_poll_t *poll, int status, int events) {
	struct watched_socket *watched = poll->data;
	struct pool *pool = watched->pool;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0), running;
	curl_multi_socket_action(pool->multi, watched->socket, status < 0 ? CURL_CSELECT_ERR : flags, &running);
	collect_finished(pool);
}

static void note_socket_closed(uv_handle_t *handle) {
	free(handle->data);
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *of_socket) {
	struct pool *pool = context;
	struct watched_socket *watched = of_socket;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (!watched)
			return 0;
		uv_poll_stop(&watched->poll);
		uv_close((uv_handle_t *)&watched->poll, note_socket_closed);
		curl_multi_assign(pool->multi, socket, NULL);
		return 0;
	}
	if (!watched) {
		watched = allocate(sizeof *watched);
		*watched = (struct watched_socket){.pool = pool, .socket = socket};
		if (uv_poll_init_socket(pool->http->loop, &watched->poll, socket) < 0) {
			free(watched);
			return -1;
		}
		watched->poll.data = watched;
		curl_multi_assign(pool->multi, socket, watched);
	}
	uv_poll_start(&watched->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), note_socket);
	return 0;
}

/* ---- one transfer ---- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context) {
	struct http_exchange *exchange = context;
	size_t length = size * count;
	long status = 0;
	exchange->heard = uv_now(exchange->http->loop);
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	bool good = status >= 200 && status <= 299;
	if (good && exchange->call.take) {
		exchange->aborted = exchange->call.take(exchange->call.context, bytes, length);
		return exchange->aborted < 0 ? 0 : length;
	}
	if (exchange->received.length + length > (good ? BODY_LIMIT : REASON_LIMIT)) {
		exchange->aborted = good ? -EFBIG : 0;
		return good ? 0 : length; /* of a reason the beginning is enough */
	}
	buffer_append(&exchange->received, bytes, length);
	return length;
}

/*
 * A peer that vanishes without a word is found by the kernel within seconds, on idle connections too. TCP alone would wait
 * ever longer between two tries, and so long again after the peer is back.
 */
static int set_alive(void *context, curl_socket_t socket, curlsocktype purpose) {
	static const int options[][2] = {
	    {TCP_KEEPIDLE, ALIVE_IDLE_S}, {TCP_KEEPINTVL, ALIVE_INTERVAL_S}, {TCP_USER_TIMEOUT, GONE_MS}};
	(void)context, (void)purpose;
	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	for (size_t i = 0; i < COUNT_OF(options); i++)
		setsockopt(socket, IPPROTO_TCP, options[i][0], &options[i][1], sizeof options[i][1]);
	return CURL_SOCKOPT_OK;
}

/* Silence is looked for in halves of the time allowed. */
static void look_for_silence(uv_timer_t *timer) {
	struct http_exchange *exchange = timer->data;
	if (uv_now(timer->loop) - exchange->heard < exchange->call.silence)
		return;
	exchange->aborted = -ETIMEDOUT;
	note_transferred(exchange, CURLE_OPERATION_TIMEDOUT);
}

static void set_part(CURL *easy, const struct credential_part *part, CURLoption by_path, CURLoption by_bytes) {
	struct curl_blob blob = {part->inline_bytes, part->length, CURL_BLOB_COPY};
	if (part->path)
		curl_easy_setopt(easy, by_path, part->path);
	else if (part->inline_bytes)
		curl_easy_setopt(easy, by_bytes, &blob);
}

/* The certificate shall be that of another name: asked for under that name, connected to the server's own address. */
static struct curl_slist *set_url(CURL *easy, const struct access_config *config, const char *path) {
	_cleanup_(free_memory) char *url = format_text("%s%s", config->server, path);
	struct curl_slist *connect_to = NULL;
	CURLU *parts = curl_url();
	if (config->server_name && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
		char *host = NULL, *port = NULL, *renamed = NULL;
		curl_url_get(parts, CURLUPART_HOST, &host, 0);
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
		_cleanup_(free_memory) char *target = format_text("%s:%s:%s:%s", config->server_name, port, host, port);
		connect_to = curl_slist_append(NULL, target);
		curl_url_set(parts, CURLUPART_HOST, config->server_name, 0);
		curl_url_get(parts, CURLUPART_URL, &renamed, 0);
		curl_easy_setopt(easy, CURLOPT_URL, renamed);
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to);
		curl_free(host);
		curl_free(port);
		curl_free(renamed);
	} else {
		curl_easy_setopt(easy, CURLOPT_URL, url);
	}
	curl_url_cleanup(parts);
	return connect_to;
}

static void add_header(struct http_exchange *exchange, const char *name, const char *value) {
	_cleanup_(free_memory) char *header = format_text("%s: %s", name, value);
	exchange->headers = curl_slist_append(exchange->headers, header);
}

static void set_request(struct http_exchange *exchange, const struct credential *credential) {
	const struct access_config *config = access_config_of(exchange->http->access);
	CURL *easy = exchange->easy;
	add_header(exchange, "Accept", exchange->accept ? exchange->accept : "application/json");
	add_header(exchange, "Expect", "");
	if (exchange->body) {
		add_header(exchange, "Content-Type", exchange->content_type ? exchange->content_type : "application/json");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(exchange->body));
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (credential->token) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, credential->token);
	} else if (config->user) {
		curl_easy_setopt(easy, CURLOPT_USERNAME, config->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, config->password ? config->password : "");
	}
}

static void set_transport(struct http_exchange *exchange, const struct credential *credential) {
	const struct access_config *config = access_config_of(exchange->http->access);
	CURL *easy = exchange->easy;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* rather share a connection than make one more */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 8192L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)exchange->call.deadline);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_alive);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* it rotates */
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config->insecure ? 0L : 2L);
	set_part(easy, &config->authority, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
	if (config->authority.path || config->authority.inline_bytes)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* that authority, and none of the system's */
	if (credential->certificate) {
		set_part(easy, credential->certificate, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
		set_part(easy, credential->key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
	}
	if (config->proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
}

static void begin_transfer(void *context, int result, const struct credential *credential, const struct vpc_error *error) {
	struct http_exchange *exchange = context;
	exchange->ticket = NULL;
	if (result < 0) {
		exchange->aborted = result;
		exchange->failure = *error;
		uv_timer_start(&exchange->later, finish_late, 0, 0);
		return;
	}
	CURL *easy = exchange->easy = curl_easy_init();
	exchange->connect_to = set_url(easy, access_config_of(exchange->http->access), exchange->path);
	set_transport(exchange, credential);
	set_request(exchange, credential);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	exchange->heard = uv_now(exchange->http->loop);
	if (exchange->call.silence)
		uv_timer_start(&exchange->later, look_for_silence, exchange->call.silence / 2 + 1, exchange->call.silence / 2 + 1);
	curl_multi_add_handle(exchange->pool->multi, easy);
}

static void begin(struct http_exchange *exchange) {
	exchange->ticket = access_get(exchange->http->access, begin_transfer, exchange);
}

static struct pool *open_pool(struct http *http, struct pool *next, long connections) {
	struct pool *pool = allocate(sizeof *pool);
	*pool = (struct pool){.next = next, .http = http, .multi = curl_multi_init()};
	uv_timer_init(http->loop, &pool->timer);
	pool->timer.data = pool;
	http->handles++;
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS);
	curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	return pool;
}

static struct pool *choose_pool(struct http *http, bool watch) {
	if (!watch)
		return http->unary;
	struct pool *pool = http->watches;
	while (pool && pool->watches >= POOL_WATCHES)
		pool = pool->next;
	if (!pool)
		pool = http->watches = open_pool(http, http->watches, 0);
	pool->watches++;
	return pool;
}

struct http_exchange *http_start(struct http *http, const struct http_call *call) {
	struct http_exchange *exchange = allocate(sizeof *exchange);
	*exchange = (struct http_exchange){.http = http,
	    .pool = choose_pool(http, call->watch),
	    .call = *call,
	    .method = duplicate(call->method),
	    .path = duplicate(call->path),
	    .body = duplicate(call->body),
	    .content_type = duplicate(call->content_type),
	    .accept = duplicate(call->accept),
	    .next = http->first,
	    .link = &http->first};
	if (http->first)
		http->first->link = &exchange->next;
	http->first = exchange;
	uv_timer_init(http->loop, &exchange->later);
	exchange->later.data = exchange;
	begin(exchange);
	return exchange;
}

/* ---- opening and closing ---- */

int http_open(uv_loop_t *loop, struct access *access, struct http **ret_http, struct vpc_error *error) {
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail(error, -ENOMEM, "libcurl does not start");
	struct http *http = allocate(sizeof *http);
	*http = (struct http){.loop = loop, .access = access};
	http->unary = open_pool(http, NULL, UNARY_CONNECTIONS);
	*ret_http = http;
	return 0;
}

static void note_timer_closed(uv_handle_t *handle) {
	struct pool *pool = handle->data;
	struct http *http = pool->http;
	free(pool);
	if (--http->handles == 0)
		free(http);
}

static void close_pools(struct pool *pool) {
	for (struct pool *next; pool; pool = next) {
		next = pool->next;
		curl_multi_cleanup(pool->multi);
		uv_close((uv_handle_t *)&pool->timer, note_timer_closed);
	}
}

void http_close(struct http *http) {
	while (http->first)
		http_cancel(http->first);
	close_pools(http->watches);
	close_pools(http->unary);
}

void http_escape(struct buffer *buffer, const char *text) {
	for (; *text; text++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *text))
			buffer_append(buffer, text, 1);
		else
			buffer_format(buffer, "%%%02X", (unsigned char)*text);
}
