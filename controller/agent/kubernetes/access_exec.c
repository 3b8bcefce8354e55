// SPDX-License-Identifier: Apache-2.0
#include "../../cleanup.h"
#include "access_exec.h"
#include "json_object.h"

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PLUGIN_MS 30000
#define OUTPUT_LIMIT (1u << 20)

extern char **environ;

struct exec_run {
	uv_process_t process;
	uv_pipe_t output;
	uv_timer_t deadline;
	unsigned handles;
	bool exited, ended, stopped, late;
	int not_started; /* negative errno */
	int64_t status;
	struct buffer text;
	char read_space[4096];
	char *command, *api_version, *hint;
	void (*done)(void *context, const struct exec_credential *fetched, const struct vpc_error *error);
	void *context;
};

static void note_closed(uv_handle_t *handle) {
	struct exec_run *run = handle->data;
	if (--run->handles)
		return;
	if (run->text.bytes)
		explicit_bzero(run->text.bytes, run->text.capacity);
	buffer_release(&run->text);
	free(run->command);
	free(run->api_version);
	free(run->hint);
	free(run);
}

static void close_all(struct exec_run *run) {
	uv_close((uv_handle_t *)&run->process, note_closed);
	uv_close((uv_handle_t *)&run->output, note_closed);
	uv_close((uv_handle_t *)&run->deadline, note_closed);
}

static const char *text_of(const cJSON *object, const char *name) {
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(value) && *value->valuestring ? value->valuestring : NULL;
}

/* RFC 3339 with any fraction and offset. */
static int parse_expiry(const char *text, int64_t *ret_seconds) {
	struct tm utc = {0};
	int hours = 0, minutes = 0, used = 0;
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (at && *at == '.')
		at += 1 + strspn(at + 1, "0123456789");
	bool shifted = at && (*at == '+' || *at == '-') && sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 && !at[1 + used];
	if (!at || (!shifted && strcmp(at, "Z") != 0))
		return -EINVAL;
	int64_t offset = hours * 3600 + minutes * 60;
	*ret_seconds = timegm(&utc) - (*at == '-' ? -offset : offset);
	return 0;
}

static int read_lifetime(const char *expiry, uint64_t *ret_lifetime, struct vpc_error *error) {
	int64_t end;
	if (!expiry) {
		*ret_lifetime = 0;
		return 0;
	}
	if (parse_expiry(expiry, &end) < 0)
		return fail(error, -EINVAL, "status.expirationTimestamp '%.40s' is not like 2026-01-31T12:00:00Z", expiry);
	int64_t left = end - time(NULL);
	*ret_lifetime = left > 0 ? (uint64_t)left * 1000 : 1;
	return 0;
}

static int read_credential(const cJSON *root, const char *api_version, struct exec_credential *ret_credential, struct vpc_error *error) {
	const char *kind = text_of(root, "kind"), *version = text_of(root, "apiVersion");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(root, "status");
	if (!kind || strcmp(kind, "ExecCredential") || !version || strcmp(version, api_version))
		return fail(error, -EINVAL, "it printed no ExecCredential of %s", api_version);
	struct exec_credential credential = {.token = text_of(status, "token"),
	    .certificate = text_of(status, "clientCertificateData"),
	    .key = text_of(status, "clientKeyData")};
	if (!credential.token && !credential.certificate)
		return fail(error, -EINVAL, "it printed neither status.token nor status.clientCertificateData");
	if (!credential.certificate != !credential.key)
		return fail(error, -EINVAL, "status.clientCertificateData and clientKeyData need each other");
	int result = read_lifetime(text_of(status, "expirationTimestamp"), &credential.lifetime_ms, error);
	if (result == 0)
		*ret_credential = credential;
	return result;
}

static void conclude(struct exec_run *run) {
	struct vpc_error error = {""}, why = {""};
	struct exec_credential credential;
	cJSON *root = NULL;
	int result = 0;
	if (!run->exited || !run->ended || run->stopped)
		return;
	if (run->not_started)
		result = fail(&why, run->not_started, "%s", strerror(-run->not_started));
	else if (run->late)
		result = fail(&why, -ETIMEDOUT, "it took longer than %d s", PLUGIN_MS / 1000);
	else if (run->status)
		result = fail(&why, -EACCES, "it ended with status %d", (int)run->status);
	else if (!(root = cJSON_ParseWithLength(run->text.length ? run->text.bytes : "", run->text.length)))
		result = fail(&why, -EINVAL, "it printed no JSON");
	else
		result = read_credential(root, run->api_version, &credential, &why);
	if (result < 0)
		fail(&error, result, "credential plugin %s: %s%s%s", run->command, why.text, run->hint ? "; " : "", run->hint ? run->hint : "");
	run->stopped = true;
	run->done(run->context, result < 0 ? NULL : &credential, &error);
	cJSON_Delete(root);
	close_all(run);
}

static void note_exit(uv_process_t *process, int64_t status, int signal) {
	struct exec_run *run = process->data;
	run->exited = true;
	run->status = status ? status : signal;
	conclude(run);
}

static void note_deadline(uv_timer_t *timer) {
	struct exec_run *run = timer->data;
	run->late = true;
	run->ended = true; /* a child of the plugin may keep its output open */
	if (run->exited)
		conclude(run);
	else
		uv_process_kill(&run->process, SIGKILL);
}

static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_space) {
	struct exec_run *run = handle->data;
	(void)suggested;
	*ret_space = uv_buf_init(run->read_space, sizeof run->read_space);
}

static void note_output(uv_stream_t *stream, ssize_t length, const uv_buf_t *space) {
	struct exec_run *run = stream->data;
	(void)space;
	if (length > 0 && run->text.length + length <= OUTPUT_LIMIT) {
		buffer_append(&run->text, run->read_space, length);
	} else if (length < 0) {
		run->ended = true;
		conclude(run);
	}
}

/* What the plugin is told: KUBERNETES_EXEC_INFO of its API. */
static char *make_info(const struct access_config *config) {
	struct buffer info = {0};
	buffer_format(&info, "{\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false", config->exec.api_version);
	if (config->exec.provide_cluster) {
		buffer_text(&info, ",\"cluster\":{\"server\":");
		buffer_quoted(&info, config->server);
		if (config->server_name) {
			buffer_text(&info, ",\"tls-server-name\":");
			buffer_quoted(&info, config->server_name);
		}
		buffer_text(&info, "}");
	}
	buffer_text(&info, "}}");
	return info.bytes;
}

/* Caller frees the array and each of its texts. */
static char **make_environment(const struct access_config *config) {
	size_t count = 0, at = 0;
	while (environ[count])
		count++;
	char **environment = allocate((count + config->exec.variable_count + 2) * sizeof *environment);
	_cleanup_(free_memory) char *info = make_info(config);
	for (size_t i = 0; i < config->exec.variable_count; i++)
		environment[at++] = format_text("%s=%s", config->exec.variables[i].name, config->exec.variables[i].value);
	environment[at++] = format_text("KUBERNETES_EXEC_INFO=%s", info);
	for (size_t i = 0; i < count; i++) /* the first of a name counts */
		environment[at++] = duplicate(environ[i]);
	return environment;
}

static void free_environment(char **environment) {
	for (size_t i = 0; environment[i]; i++)
		free(environment[i]);
	free(environment);
}

struct exec_run *exec_run(uv_loop_t *loop, const struct access_config *config,
    void (*done)(void *context, const struct exec_credential *fetched, const struct vpc_error *error), void *context) {
	struct exec_run *run = allocate(sizeof *run);
	*run = (struct exec_run){.handles = 3,
	    .done = done,
	    .context = context,
	    .command = duplicate(config->exec.command),
	    .api_version = duplicate(config->exec.api_version),
	    .hint = duplicate(config->exec.hint)};
	char **environment = make_environment(config);
	uv_pipe_init(loop, &run->output, 0);
	uv_timer_init(loop, &run->deadline);
	uv_stdio_container_t channels[3] = {{.flags = UV_IGNORE},
	    {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->output}, {.flags = UV_INHERIT_FD, .data.fd = 2}};
	uv_process_options_t options = {.file = config->exec.command,
	    .args = config->exec.arguments,
	    .env = environment,
	    .exit_cb = note_exit,
	    .stdio = channels,
	    .stdio_count = 3};
	int result = uv_spawn(loop, &run->process, &options);
	free_environment(environment);
	run->process.data = run->output.data = run->deadline.data = run;
	if (result < 0) {
		run->exited = true;
		run->not_started = result;
		uv_timer_start(&run->deadline, note_deadline, 0, 0);
		return run;
	}
	uv_read_start((uv_stream_t *)&run->output, give_space, note_output);
	uv_timer_start(&run->deadline, note_deadline, PLUGIN_MS, 0);
	return run;
}

void exec_stop(struct exec_run *run) {
	if (!run->exited)
		uv_process_kill(&run->process, SIGKILL);
	run->stopped = true;
	close_all(run);
}
