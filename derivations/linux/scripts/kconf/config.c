// SPDX-License-Identifier: GPL-2.0-only
/* The text of a configuration, with requests in the place of its lines. */

/* Names of options, sorted when they are looked for */

struct names {
	char **items;
	size_t count;
	bool sorted;
};

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void add_name(struct names *names, const char *name, size_t length)
{
	names->items = checked(realloc(names->items, (names->count + 1) * sizeof(*names->items)));
	names->items[names->count++] = checked(strndup(name, length));
	names->sorted = false;
}

static void free_names(struct names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static bool has_name(struct names *names, const char *name, size_t length)
{
	char *key = checked(strndup(name, length));
	bool found;

	if (!names->sorted && names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	names->sorted = true;
	found = names->count && bsearch(&key, names->items, names->count, sizeof(*names->items), compare_names);
	free(key);
	return found;
}

/* Lines of a configuration */

struct line {
	const char *start, *name, *value; /* no name: neither an assignment nor "is not set" */
	size_t length, name_length;
};

/* Take the next line from *cursor*. */
static bool next_line(const char **cursor, struct line *line)
{
	const char *start = *cursor, *rest;

	if (!*start)
		return false;
	*line = (struct line){ .start = start, .length = strcspn(start, "\n") };
	*cursor = start + line->length + (start[line->length] == '\n');
	rest = !strncmp(start, "# ", 2) ? start + 2 : start;
	if (strncmp(rest, "CONFIG_", 7))
		return true;
	line->name = rest + 7;
	line->name_length = strcspn(line->name, rest == start ? "=\n" : " \n");
	if (rest == start && line->name[line->name_length] == '=')
		line->value = line->name + line->name_length + 1;
	return true;
}

static void print_line(FILE *out, const struct line *line)
{
	fprintf(out, "%.*s\n", (int)line->length, line->start);
}

static void names_of(struct names *names, struct text text)
{
	const char *cursor = text.data;
	struct line line;

	while (next_line(&cursor, &line))
		if (line.name)
			add_name(names, line.name, line.name_length);
}

/* The job of one resolution */

struct job {
	struct text base;
	struct text *fragments; /* each is worth more than those before it, and all than the base */
	size_t fragment_count;
	struct names requested, modules;
	bool prefer_builtin;
	FILE *out;
};

/* Add the other members of the choice that *line* makes to *names*: one that is y takes the place of another. */
static void add_rivals(struct names *names, const struct line *line)
{
	char *name = checked(strndup(line->name, line->name_length));
	struct symbol *sym = sym_find(name), *choice = NULL;
	size_t i;

	free(name);
	if (!sym || !sym_is_choice_value(sym) || !line->value || *line->value != 'y' ||
	    line->value + 1 != line->start + line->length)
		return;
	for (i = 0; i < entry_count && !choice; i++)
		if (entries[i].menu->sym == sym)
			choice = choice_of(entries[i].menu);
	for (i = 0; i < entry_count && choice; i++) {
		struct symbol *other = entries[i].menu->sym;

		if (!IS_CHOICE(other) && other != sym && sym_is_choice_value(other) &&
		    choice_of(entries[i].menu) == choice)
			add_name(names, other->name, strlen(other->name));
	}
}

/* Print the lines of *part* but for those that *later* has, and add what it says to *later*. */
static void print_part(FILE *out, struct text part, struct names *later, bool requests)
{
	const char *cursor = part.data;
	struct names said = { 0 };
	struct line line;
	size_t i;

	while (next_line(&cursor, &line)) {
		if (line.name && has_name(later, line.name, line.name_length))
			continue;
		print_line(out, &line);
		if (requests && line.name) {
			add_name(&said, line.name, line.name_length);
			add_rivals(&said, &line);
		}
	}
	for (i = 0; i < said.count; i++)
		add_name(later, said.items[i], strlen(said.items[i]));
	free_names(&said);
}

/*
 * Write the configuration to resolve: a request takes the place of a line, so that Kconfig says nothing of
 * two. What is worth more comes later, since of two members of a choice it takes the last.
 */
static void write_config(struct job *job)
{
	size_t count = job->fragment_count + 2, i; /* the base, the modules, the fragments */
	struct text *parts = checked(calloc(count, sizeof(*parts)));
	struct text *printed = checked(calloc(count, sizeof(*printed)));
	struct names later = { 0 };
	FILE *out = checked(open_memstream(&parts[1].data, &parts[1].length));

	for (i = 0; i < job->modules.count; i++)
		fprintf(out, "CONFIG_%s=m\n", job->modules.items[i]);
	close_file(out);
	parts[0] = job->base;
	memcpy(parts + 2, job->fragments, job->fragment_count * sizeof(*parts));
	for (i = count; i-- > 0;) {
		out = checked(open_memstream(&printed[i].data, &printed[i].length));
		print_part(out, parts[i], &later, i > 0);
		close_file(out);
	}
	out = open_file(CONFIG, "w");
	for (i = 0; i < count; i++) {
		fwrite(printed[i].data, 1, printed[i].length, out);
		free(printed[i].data);
	}
	close_file(out);
	free(parts[1].data);
	free(parts);
	free(printed);
	free_names(&later);
}
