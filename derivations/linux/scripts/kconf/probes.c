// SPDX-License-Identifier: GPL-2.0-only
/* The environment, which is that of the makefile, and $(shell ...): Kconfig calls popen() for it, and these two take its place. */

static void set_environment(const char *directory)
{
	FILE *file = open_in(directory, "environment", "r");
	struct text text = read_stream(file, "environment");
	char *variable;

	fclose(file);
	clearenv();
	for (variable = text.data; variable < text.data + text.length; variable += strlen(variable) + 1)
		putenv(variable); /* the memory stays */
}

struct probe {
	char *command;
	struct text output;
};

static struct probe *probes;
static size_t probe_count;
static bool recording;

static struct probe *add_probe(char *command, struct text output)
{
	probes = checked(realloc(probes, (probe_count + 1) * sizeof(*probes)));
	probes[probe_count] = (struct probe){ command, output };
	return &probes[probe_count++];
}

static struct probe *find_probe(const char *command)
{
	static size_t next; /* they are asked for in the order in which they were recorded */
	size_t i;

	for (i = 0; i < probe_count; i++) {
		struct probe *it = &probes[(next + i) % probe_count];

		if (!strcmp(it->command, command)) {
			next = it - probes + 1;
			return it;
		}
	}
	return NULL;
}

static struct text output_of(const char *command)
{
	struct text output;
	int ends[2];
	pid_t child;
	FILE *in;

	if (pipe(ends) || (child = fork()) < 0)
		die("%s: %m", command);
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	if (!in)
		die("%s: %m", command);
	output = read_stream(in, command);
	fclose(in);
	waitpid(child, NULL, 0);
	return output;
}

FILE *popen(const char *command, const char *mode)
{
	struct probe *it = find_probe(command);

	(void)mode;
	if (!it && !recording)
		die("nobody recorded what this prints: %s", command);
	if (!it)
		it = add_probe(checked(strdup(command)), output_of(command));
	return it->output.length ? fmemopen(it->output.data, it->output.length, "r") : fopen("/dev/null", "r");
}

int pclose(FILE *stream)
{
	return fclose(stream);
}

static void write_probes(const char *directory)
{
	FILE *file = open_in(directory, "probes", "w");
	size_t i;

	for (i = 0; i < probe_count; i++) {
		fprintf(file, "%zu %zu\n", strlen(probes[i].command), probes[i].output.length);
		fwrite(probes[i].command, 1, strlen(probes[i].command), file);
		fwrite(probes[i].output.data, 1, probes[i].output.length, file);
		fputc('\n', file);
	}
	close_file(file);
}

static void read_probes(const char *directory)
{
	FILE *file = open_in(directory, "probes", "r");
	size_t command, output;

	while (fscanf(file, "%zu %zu", &command, &output) == 2 && fgetc(file) == '\n') {
		char *text = read_bytes(file, command).data;

		add_probe(text, read_bytes(file, output));
	}
	fclose(file);
}
