// SPDX-License-Identifier: GPL-2.0-only
/* What Kconfig makes of a configuration. */

static void print_values(FILE *out)
{
	struct entry *group, *end;

	FOR_EACH_SYMBOL(group, end) {
		struct symbol *sym = group->menu->sym;

		sym_calc_value(sym);
		if (IS_CHOICE(sym))
			fprintf(out, "@%zu %d 0 %c\n", choice_number(sym) + 1, sym->visible, "nmy"[sym->curr.tri]);
		else
			fprintf(out, "%s %d %d %s%s\n", sym->name, sym->visible, (sym->flags & SYMBOL_WRITE) != 0,
				sym->type == S_STRING ? "\"" : "", sym_get_string_value(sym));
	}
}

/* Have a child do *work*, so that what it changes is forgotten; return whether it succeeded. */
static bool in_child(bool (*work)(void *), void *data, bool quiet)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		die("cannot fork: %m");
	if (!child) {
		if (quiet && !freopen("/dev/null", "w", stderr))
			_exit(1);
		status = work(data) ? 0 : 1;
		_exit(fflush(NULL) ? 1 : status);
	}
	if (waitpid(child, &status, 0) != child)
		die("cannot wait: %m");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Print which questions would be answered with m by somebody who wants modules: nixpkgs' autoModules. */
static bool modules_of_config(void *data)
{
	struct job *job = data;
	struct entry *group, *end;

	if (conf_read(CONFIG))
		return false;
	FOR_EACH_SYMBOL(group, end) {
		struct symbol *sym = group->menu->sym;

		sym_calc_value(sym);
		if (IS_CHOICE(sym) || sym_is_choice_value(sym) || sym_get_type(sym) != S_TRISTATE)
			continue;
		if (sym->curr.tri == mod || (job->prefer_builtin && sym->curr.tri == yes))
			continue;
		if (sym_tristate_within_range(sym, mod))
			fprintf(job->out, "%s\n", sym->name);
	}
	return true;
}

/* Add what else can be a module to *job*; return whether there was any. */
static bool add_modules(struct job *job)
{
	struct text found;
	const char *name;
	size_t before = job->modules.count;

	job->out = checked(tmpfile());
	if (!in_child(modules_of_config, job, true))
		die("the configuration cannot be read");
	rewind(job->out);
	found = read_stream(job->out, "modules");
	fclose(job->out);
	for (name = strtok(found.data, "\n"); name; name = strtok(NULL, "\n"))
		if (!has_name(&job->requested, name, strlen(name)) && !has_name(&job->modules, name, strlen(name)))
			add_name(&job->modules, name, strlen(name));
	free(found.data);
	return job->modules.count > before;
}

static bool resolve_config(void *values)
{
	if (conf_read(CONFIG) || conf_write(RESULT))
		return false;
	print_values(values);
	return true;
}

/*
 * Resolve what is in CONFIG until nothing changes any more: with some, olddefconfig changes its own result. Leave the
 * configuration in RESULT and what every option is in *values*.
 */
static bool settle(FILE *values)
{
	struct text before, after;
	bool settled = false;
	int round;

	for (round = 0; round < ROUNDS && !settled; round++) {
		unlink(RESULT);
		rewind(values);
		if (ftruncate(fileno(values), 0) || !in_child(resolve_config, values, round > 0))
			return false;
		before = read_file(CONFIG);
		after = read_file(RESULT);
		settled = before.length == after.length && !memcmp(before.data, after.data, after.length);
		write_file(CONFIG, after);
		free(before.data);
		free(after.data);
	}
	/* The last line of the table. Who wants to know what a request would change needs it: `realise/redundant.py`. */
	if (settled && round == 2 && fseek(values, 0, SEEK_END) == 0)
		fputs("# settled at once\n", values);
	if (!settled)
		fputs("kconf: olddefconfig changes this configuration every time\n", stderr);
	return settled;
}

static void resolve(char **arguments, int count)
{
	struct job job = { .base = read_file(arguments[1]) };
	FILE *values;
	int i;

	job.prefer_builtin = !strcmp(arguments[0], "builtin");
	job.fragment_count = count - 4;
	job.fragments = checked(calloc(count, sizeof(*job.fragments)));
	for (i = 4; i < count; i++) {
		job.fragments[i - 4] = read_file(arguments[i]);
		names_of(&job.requested, job.fragments[i - 4]);
	}
	write_config(&job);
	if (strcmp(arguments[0], "plain"))
		while (add_modules(&job))
			write_config(&job);
	values = open_file(arguments[3], "w");
	if (!settle(values))
		die("the configuration cannot be resolved");
	close_file(values);
	write_file(arguments[2], read_file(RESULT));
}
