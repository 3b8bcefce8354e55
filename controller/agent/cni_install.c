// SPDX-License-Identifier: Apache-2.0
#include "cni_install.h"
#include "../cleanup.h"
#include "cni_folder.h"
#include "cni_server.h"
#include "files.h"
#include "log.h"
#include "metrics.h"
#include "reconciler.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define SETTLE_MS 20    /* after a change: a writer often makes several */
#define CHECK_MS 10000  /* although nothing was told */
#define FREE_WRITES 10  /* of a list, without waiting; others may fight for it, too */
#define WRITE_MS 5000   /* then, and until it was quiet for long enough: one in so long. Meanwhile Pods start beside their VPC */
#define TELL_MS 1000    /* what is broken for a moment only, while it is being written, is not told */

struct cni_install {
	struct agent *agent;
	struct cni_entry entry;
	uv_fs_event_t lists, plugins;
	uv_timer_t soon, often;
	struct file_signature plugin; /* as it was seen in order last */
	uint64_t credit;              /* milliseconds, of which a write of a list costs WRITE_MS */
	uint64_t credit_at;           /* uv_now() at which it stood so */
	uint64_t broken_since;        /* 0: it is not */
};

static void look_soon(uv_timer_t *timer);
static void look_often(uv_timer_t *timer);

/* The reason is also that of the Node's condition. */
static void note(struct cni_install *install, const char *reason, const char *trouble) {
	struct agent *agent = install->agent;
	if (!strcmp(agent->plugin_reason, reason) && !strcmp(agent->plugin_trouble, trouble))
		return;
	agent->plugin_reason = reason;
	snprintf(agent->plugin_trouble, sizeof agent->plugin_trouble, "%s", trouble);
	log_event(*trouble ? LOG_WARNING : LOG_INFO, "plugin", reason, "%s", *trouble ? trouble : "vpc-cni is installed, and in the main plugin's list");
	reconciler_wake(agent->reconciler);
}

static int keep_plugin(struct cni_install *install, struct vpc_error *error) {
	const char *path = install->agent->options.cni_bin_dir;
	struct file_signature now;
	struct vpc_error why = {""};
	_cleanup_(close_fd) int folder = folder_open(path, true);
	if (folder < 0)
		return fail(error, folder, "--cni-bin-dir %s: %s", path, strerror(-folder));
	if (file_sign(folder, "vpc-cni", &now) == 0 && file_signature_equal(&now, &install->plugin))
		return 0;
	int result = cni_plugin_install(folder, &why);
	if (result < 0)
		return fail(error, result, "--cni-bin-dir %s: %s", path, why.text);
	if (result > 0)
		log_event(LOG_INFO, "plugin", "PluginInstalled", "%s/vpc-cni", path);
	file_sign(folder, "vpc-cni", &install->plugin);
	return 0;
}

/* Milliseconds until a list may be written. */
static uint64_t wait_left(struct cni_install *install) {
	uint64_t now = uv_now(&install->agent->loop), credit = install->credit + now - install->credit_at;
	install->credit = credit < FREE_WRITES * WRITE_MS ? credit : FREE_WRITES * WRITE_MS;
	install->credit_at = now;
	return install->credit >= WRITE_MS ? 0 : WRITE_MS - install->credit;
}

static void note_written(struct cni_install *install, const char *list) {
	install->credit -= WRITE_MS;
	metrics_count(COUNT_LIST_WRITES, NULL);
	log_event(LOG_INFO, "plugin", "ListMerged", "vpc-cni was put into %s/%s", install->agent->options.cni_conf_dir, list);
}

/* NULL: in order. Else the reason, and the error says more. */
static const char *keep_list(struct cni_install *install, struct vpc_error *error) {
	const char *path = install->agent->options.cni_conf_dir;
	struct cni_finding finding;
	struct vpc_error why = {""};
	uint64_t wait = wait_left(install);
	_cleanup_(close_fd) int folder = folder_open(path, true);
	if (folder < 0) {
		fail(error, folder, "--cni-conf-dir %s: %s", path, strerror(-folder));
		return "ListUnreadable";
	}
	int result = cni_folder_merge(folder, &install->entry, wait == 0, &finding, &why);
	if (finding.written)
		note_written(install, finding.list);
	if (result == -EAGAIN && wait) {
		fail(error, result, "%s/%s: somebody else takes vpc-cni out of it again and again; the next try is in %llu s", path, finding.list,
		    (unsigned long long)(wait + 999) / 1000);
		uv_timer_start(&install->often, look_often, wait, CHECK_MS);
		return "ListContested";
	}
	if (result < 0) {
		fail(error, result, "%s: %s", path, why.text);
		return finding.reason;
	}
	if (cni_main_is_unsupported(finding.main)) {
		fail(error, -ENOTSUP, "%s/%s: main plugin %s cannot be confined; Pods with a VPC are refused, use ptp or bridge", path, finding.list, finding.main);
		return "UnsupportedMainPlugin";
	}
	return NULL;
}

static void look(struct cni_install *install) {
	const struct options *options = &install->agent->options;
	struct vpc_error error = {""};
	const char *reason = options->cni_bin_dir && keep_plugin(install, &error) < 0 ? "PluginNotInstalled" : NULL;
	if (!reason && options->cni_conf_dir)
		reason = keep_list(install, &error);
	uint64_t now = uv_now(&install->agent->loop);
	bool broken = reason && !strcmp(reason, "ListMalformed");
	if (!broken)
		install->broken_since = 0;
	else if (!install->broken_since)
		install->broken_since = now;
	if (broken && *install->agent->plugin_reason && now - install->broken_since < TELL_MS)
		uv_timer_start(&install->soon, look_soon, TELL_MS, 0);
	else
		note(install, reason ? reason : "PluginInPlace", reason ? error.text : "");
}

/* ---- when to look ---- */

static void note_change(uv_fs_event_t *watch, const char *name, int events, int status) {
	struct cni_install *install = watch->data;
	(void)name, (void)events, (void)status;
	if (!uv_is_active((uv_handle_t *)&install->soon))
		uv_timer_start(&install->soon, look_soon, SETTLE_MS, 0);
}

static void look_soon(uv_timer_t *timer) {
	look(timer->data);
}

/* A folder may have been made anew: then the old watch tells nothing. */
static void watch(struct cni_install *install) {
	const struct options *options = &install->agent->options;
	uv_fs_event_stop(&install->lists);
	uv_fs_event_stop(&install->plugins);
	if (options->cni_conf_dir)
		uv_fs_event_start(&install->lists, note_change, options->cni_conf_dir, 0);
	if (options->cni_bin_dir)
		uv_fs_event_start(&install->plugins, note_change, options->cni_bin_dir, 0);
}

static void look_often(uv_timer_t *timer) {
	look(timer->data);
	watch(timer->data);
}

static const char *unless_known(const char *path, const char *standard) {
	return strcmp(path, standard) ? path : NULL;
}

struct cni_install *cni_install_open(struct agent *agent) {
	const struct options *options = &agent->options;
	if (!options->cni_bin_dir && !options->cni_conf_dir)
		return NULL;
	struct cni_install *install = allocate(sizeof *install);
	*install = (struct cni_install){.agent = agent,
	    .credit = FREE_WRITES * WRITE_MS,
	    .credit_at = uv_now(&agent->loop),
	    .entry = {unless_known(options->socket, VPC_CNI_SOCKET), unless_known(options->queue, VPC_CNI_QUEUE)}};
	uv_fs_event_init(&agent->loop, &install->lists);
	uv_fs_event_init(&agent->loop, &install->plugins);
	uv_timer_init(&agent->loop, &install->soon);
	uv_timer_init(&agent->loop, &install->often);
	install->lists.data = install->plugins.data = install->soon.data = install->often.data = install;
	uv_timer_start(&install->often, look_often, CHECK_MS, CHECK_MS);
	look(install);
	watch(install);
	return install;
}
