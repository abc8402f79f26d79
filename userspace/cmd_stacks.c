// SPDX-License-Identifier: GPL-2.0
/*
 * Where in the kernel (and with --user, in the program) do the waiters come
 * from? Folded lines by default, for any flame graph tool; --svg draws one.
 * --by holder shows the stacks of holders.
 */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "flame.h"
#include "source.h"

static enum snap_role role_of(const struct cli *cli)
{
	return cli->render.by == RENDER_BY_HOLDER ? SNAP_HOLDER : SNAP_WAITER;
}

static int write_svg(const struct cli *cli, const struct snapshot *snap)
{
	const struct flame_opts opts = {.role = role_of(cli)};
	struct cli_out out;
	int err, ret = cli_out_open(cli, cli->svg, &out);

	if (ret)
		return ret;
	err = flame_write(out.file, snap, &opts);
	if (err == -ENODATA)
		cli_say("no %s stack in this window: %s is not written",
			snapshot_role_name(opts.role), cli->svg);
	else if (err)
		cli_say("cannot draw: %s", strerror(-err));
	ret = cli_out_close(&out, !err);
	return err ? CLI_ERROR : ret;
}

static int write_stacks(struct cli *cli, const struct snapshot *snap)
{
	struct cli_out out;
	int err, ret = cli_out_open(cli, NULL, &out);

	if (ret)
		return ret;
	err = render_stacks(out.file, snap, role_of(cli), &cli->render);
	if (err)
		cli_say("cannot print: %s", strerror(-err));
	ret = cli_out_close(&out, !err);
	return err ? CLI_ERROR : ret;
}

int cmd_stacks(struct cli *cli)
{
	const struct source_opts opts = {.stacks = true};
	struct snapshot *snap = NULL;
	int ret;

	if (!cli_has(cli, CLI_O_FORMAT))
		cli->render.format = RENDER_FOLDED;
	ret = source_once(cli, &opts, false, &snap);
	if (!ret && cli->svg)
		ret = write_svg(cli, snap);
	if (!ret && (!cli->svg || cli_has(cli, CLI_O_FORMAT) || cli->output))
		ret = write_stacks(cli, snap);
	if (!ret) {
		if (cli->svg || cli->render.format == RENDER_FOLDED ||
		    cli->render.format == RENDER_CSV)
			render_footer(stderr, snap, &cli->render);
		ret = cli_strict(cli, snap);
	}
	snapshot_free(snap);
	return ret;
}
