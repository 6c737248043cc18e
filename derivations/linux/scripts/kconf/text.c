// SPDX-License-Identifier: GPL-2.0-only
/* Bytes and files. */

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	fputs("kconf: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void *checked(void *memory)
{
	if (!memory)
		die("out of memory");
	return memory;
}

struct text {
	char *data; /* with a NUL behind it */
	size_t length;
};

static struct text read_stream(FILE *in, const char *name)
{
	struct text text = { checked(malloc(1)), 0 };
	char buffer[1 << 16];
	size_t count;

	while ((count = fread(buffer, 1, sizeof(buffer), in)) > 0) {
		text.data = checked(realloc(text.data, text.length + count + 1));
		memcpy(text.data + text.length, buffer, count);
		text.length += count;
	}
	if (ferror(in))
		die("%s: cannot be read: %m", name);
	text.data[text.length] = 0;
	return text;
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		die("%s: %m", path);
	return file;
}

static FILE *open_in(const char *directory, const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return open_file(path, mode);
}

static void close_file(FILE *file)
{
	bool failed = ferror(file);

	if (fclose(file) || failed)
		die("writing failed: %m");
}

static struct text read_file(const char *path)
{
	FILE *file = open_file(path, "r");
	struct text text = read_stream(file, path);

	fclose(file);
	return text;
}

static void write_file(const char *path, struct text text)
{
	FILE *file = open_file(path, "w");

	fwrite(text.data, 1, text.length, file);
	close_file(file);
}

static struct text read_bytes(FILE *file, size_t length)
{
	struct text text = { checked(malloc(length + 1)), length };

	if (fread(text.data, 1, length, file) != length)
		die("an input ends too early");
	text.data[length] = 0;
	return text;
}
