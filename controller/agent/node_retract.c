// SPDX-License-Identifier: Apache-2.0
#include "node_retract.h"
#include "../cleanup.h"
#include "kubernetes/http.h"
#include "text.h"

#include <errno.h>

#define DEADLINE_MS 15000
#define DELETE(type) "{\"$patch\":\"delete\",\"type\":\"" type "\"}"

static const char PATCH[] =
    "{\"status\":{\"conditions\":[" DELETE("VPCReady") "," DELETE("VPCPlugin") "," DELETE("VPCUnderlay") "," DELETE("VPCSettings") "]}}";

struct retraction {
	struct http *http;
	struct access *access;
	int result;
	struct vpc_error error;
};

/* Nothing is left for the loop then, and it ends. */
static void note_answer(void *context, const struct http_answer *answer) {
	struct retraction *retraction = context;
	retraction->result = answer->status == 404 ? 0 : answer->result;
	retraction->error = answer->error;
	if (retraction->result < 0 && answer->status)
		fail(&retraction->error, retraction->result, "conditions of the Node: HTTP %ld: %.200s", answer->status, answer->body);
	http_close(retraction->http);
	access_close(retraction->access);
}

static int ask(uv_loop_t *loop, struct access_config *config, const char *path, struct vpc_error *error) {
	struct retraction retraction = {.access = access_open(loop, config), .result = -EIO};
	int result = http_open(loop, retraction.access, &retraction.http, error);
	if (result < 0) {
		access_close(retraction.access);
		return result;
	}
	struct http_call call = {.method = "PATCH",
	    .path = path,
	    .body = PATCH,
	    .content_type = "application/strategic-merge-patch+json",
	    .deadline = DEADLINE_MS,
	    .done = note_answer,
	    .context = &retraction};
	http_start(retraction.http, &call);
	uv_run(loop, UV_RUN_DEFAULT);
	return retraction.result < 0 ? fail(error, retraction.result, "%s", retraction.error.text) : 0;
}

int node_retract(const struct options *options, struct vpc_error *error) {
	struct access_config config;
	struct buffer path = {0};
	uv_loop_t loop;
	int result = options->kubeconfig ? access_config_read(options->kubeconfig, options->context, &config, error)
	                                 : access_config_in_cluster(&config, error);
	if (result < 0)
		return result;
	buffer_text(&path, "/api/v1/nodes/");
	http_escape(&path, options->node);
	buffer_text(&path, "/status");
	uv_loop_init(&loop);
	result = ask(&loop, &config, path.bytes, error);
	uv_run(&loop, UV_RUN_DEFAULT); /* what is being closed */
	uv_loop_close(&loop);
	buffer_release(&path);
	return result;
}
