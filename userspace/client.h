/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control socket of faultlined: AF_UNIX SOCK_STREAM, one JSON object a line in
 * both directions, at most CONTROL_MAX_REQUEST bytes a request.
 *
 *   {"cmd":"ping"}                      -> {"ok":true,"pid":N,"version":"..."}
 *   {"cmd":"status"}                    -> {"ok":true, pid, version, uptime_ns, mode,
 *                                           config_files, config:{in force}, hot:[...], clients,
 *                                           incidents:{...}, breaker:{...}, problems,
 *                                           snapshot:{meta and features only}}
 *   {"cmd":"snapshot","stacks":bool}    -> {"ok":true,"snapshot":{...}}
 *   {"cmd":"metrics"}                   -> {"ok":true,"text":"..."}
 *   {"cmd":"policy"}                    -> {"ok":true, mode, regime, knobs:[...], decision, decided,
 *                                           costs, window, counts, features, processes, log, ...},
 *                                          or {"ok":true,"nothing":"why there is nothing to tune"}
 *   {"cmd":"policy_do","action":"apply|pause|resume|rollback","what":"id or setting"}
 *                                       -> {"ok":true,"ticket":N}: asked for; done when "answered"
 *                                          of policy has reached N, with "outcome" 0 or -errno and
 *                                          "outcome_why"; or {"ok":true,"refused":errno,"why":"..."}
 *   {"cmd":"watch","min_wait_ns":N}     -> {"ok":true} and then {"wait":{...}} a line as they are
 *                                          seen: a snapshot with one wait, waits[0], and its
 *                                          stacks; {"lost":N} when the client was too slow
 * Errors: {"ok":false,"errno":N,"error":"one line"}.
 */
#ifndef FAULTLINE_CLIENT_H
#define FAULTLINE_CLIENT_H

#include <jansson.h>

#define CONTROL_SOCKET	    "/run/faultline/control.sock"
#define CONTROL_MAX_REQUEST 4096

/*
 * Connect; 0 and *ret_fd, -ENOENT/-ECONNREFUSED when no daemon listens,
 * -EACCES when this user may not.
 */
int client_connect(const char *path, int *ret_fd);
/* One request, one reply, within timeout_ms (-ETIMEDOUT). -EPROTO: not the protocol. */
int client_call(int fd, json_t *request, int timeout_ms, json_t **ret_reply);

#endif
