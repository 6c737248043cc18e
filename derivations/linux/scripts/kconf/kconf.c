// SPDX-License-Identifier: GPL-2.0-only
/*
 * kconf: a kernel's own Kconfig as a program that is asked many times and parses once.
 *
 * It is linked with the objects of the tree's scripts/kconfig, all but conf.o, so parsing and values are
 * those of that kernel, whatever its version. What is used of them has been there, in this form, from
 * 4.18 to 6.19; the few things that changed are told apart below.
 *
 *	kconf DIRECTORY record
 *	kconf DIRECTORY dump MODEL
 *	kconf DIRECTORY resolve plain|modules|builtin BASE CONFIG VALUES FRAGMENT...
 *	kconf DIRECTORY serve
 *
 * DIRECTORY has `environment`, what the tree's makefile exports to Kconfig, each variable ended by a NUL,
 * and `probes`, what the commands of $(shell ...) print. These are run by `record` alone: afterwards
 * there is no need for a compiler, and most of the time that it takes is saved. Kconfig changes state
 * when it reads a configuration, so each is read by a child that begins with what was parsed.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkc.h"

/* In older trees a menu entry has a `struct file`, in newer ones its name. */
#ifdef KCONF_STRUCT_FILE
#define FILE_OF(menu) ((menu)->file ? (menu)->file->name : "")
#else
#define FILE_OF(menu) ((menu)->filename ? (menu)->filename : "")
#endif

/* In older trees choices have a flag, in newer ones they are the symbols without a name. */
#ifdef SYMBOL_CHOICE
#define IS_CHOICE(sym) (((sym)->flags & SYMBOL_CHOICE) != 0)
#else
#define IS_CHOICE(sym) ((sym)->name == NULL)
#endif

/* Options that are only read: since 6.18. */
#ifdef SYMBOL_TRANS
#define IS_TRANSITIONAL(sym) (((sym)->flags & SYMBOL_TRANS) != 0)
#else
#define IS_TRANSITIONAL(sym) false
#endif

#define CONFIG ".config" /* what warnings of Kconfig are said to be about */
#define RESULT "resolved"
#define ROUNDS 16

/* One translation unit: no name of ours meets one of theirs. */
#include "text.c"
#include "probes.c"
#include "symbols.c"
#include "model.c"
#include "config.c"
#include "resolve.c"
#include "serve.c"

int main(int count, char **arguments)
{
	const char *command = count > 2 ? arguments[2] : "";
	bool valid = (!strcmp(command, "record") && count == 3) || (!strcmp(command, "serve") && count == 3) ||
		     (!strcmp(command, "dump") && count == 4) || (!strcmp(command, "resolve") && count > 7);

	if (!valid)
		die("usage: kconf DIRECTORY record | dump MODEL | resolve MODE BASE CONFIG VALUES FRAGMENT... | serve");
	set_environment(arguments[1]);
	recording = !strcmp(command, "record");
	if (!recording)
		read_probes(arguments[1]);
	parse();
	if (recording)
		write_probes(arguments[1]);
	else if (!strcmp(command, "dump"))
		dump(arguments[3]);
	else if (!strcmp(command, "resolve"))
		resolve(arguments + 3, count - 3);
	else
		serve();
	return 0;
}
