// SPDX-License-Identifier: GPL-2.0-only
/* Questions and answers. */

static bool pass(void *values)
{
	if (conf_read(CONFIG))
		return false;
	print_values(values);
	return true;
}

static bool once(bool (*work)(void *), FILE *values)
{
	unlink(RESULT);
	rewind(values);
	return !ftruncate(fileno(values), 0) && in_child(work, values, false);
}

static bool answer(const char *verb, FILE *values)
{
	if (!strcmp(verb, "values"))
		return once(pass, values);
	if (!strcmp(verb, "olddefconfig"))
		return once(resolve_config, values);
	return (!strcmp(verb, "settled") || !strcmp(verb, "config")) && settle(values);
}

/*
 * Answer each text of a configuration: what every option is after one pass (`values`), the `.config` then
 * (`olddefconfig`), and the same two when nothing changes any more (`settled`, `config`). Before an answer
 * stands its length; instead of both an exclamation mark, if there is none.
 */
static void serve(void)
{
	FILE *values = checked(tmpfile());
	struct text text;
	size_t length;
	char verb[16];

	while (scanf("%15s %zu", verb, &length) == 2 && getchar() == '\n') {
		text = read_bytes(stdin, length);
		write_file(CONFIG, text);
		free(text.data);
		if (answer(verb, values)) {
			rewind(values);
			text = strchr("co", *verb) ? read_file(RESULT) : read_stream(values, "values");
			printf("%zu\n", text.length);
			fwrite(text.data, 1, text.length, stdout);
			free(text.data);
		} else {
			puts("!");
		}
		fflush(stdout);
	}
}
