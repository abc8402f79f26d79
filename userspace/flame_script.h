/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is the same in every flame graph: its style sheet and its script. They
 * serve all graphs of a page; colours are those of the page where it has them
 * (--text, --panel, --bad, --link), else black on white.
 */
#ifndef FAULTLINE_FLAME_SCRIPT_H
#define FAULTLINE_FLAME_SCRIPT_H

extern const char flame_style[];
extern const char flame_script[];

#endif
