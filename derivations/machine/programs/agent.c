/*
 * The first process of a guest of `kernix run`: it makes the root, runs one command, and relays its streams.
 *
 * Three channels lead to the host: virtio-serial ports called control, out and err, or the serial ports ttyS1 to
 * ttyS3. `out` and `err` carry the bytes of the command and nothing else. `control` carries frames: a type, the length
 * of the rest as 32 bits little-endian, and the rest.
 *
 *	to the guest				from the guest
 *	R  the request, see `read_request`	H  this program runs
 *	I  bytes of standard input; no bytes:	B  the command has begun
 *	   its end				A  so many bytes of input were taken (32 bits)
 *	S  a signal for the command (8 bits)	K  Ctrl-C was a key, not an interrupt
 *	W  rows and columns (16 bits each)	X  its end: code (32 bits), bytes of out, of err (64 bits each)
 *						E  what failed before it began: code (32 bits), a sentence
 *
 * The host sends no more input than was taken and a window that it chooses, so a command that does not read cannot
 * hold up signals.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 65536
#define MAX_ITEMS 65536
#define CTRL_C 3
#define NOT_FOUND 127
#define NOT_EXECUTABLE 126
#define FAILED 125

struct relay {			/* from the command to the host */
	int from, to;
	size_t start, end;
	uint64_t total;
	long last;		/* bytes to take once the command has ended; -1 before */
	char data[CHUNK];
};

struct input {			/* from the host to the command */
	int to;
	int ended;
	size_t start, end, size;
	char *data;
};

struct request {
	char *argv[MAX_ITEMS], *env[MAX_ITEMS];
	size_t argc, envc, shares;
	char *share[MAX_ITEMS];
	char *root, *directory, *host, *terminal, *search;
	int network;
};

static int control = -1, children[2], is_serial;
static struct relay out = { -1, -1, 0, 0, 0, -1, "" }, err = { -1, -1, 0, 0, 0, -1, "" };
static struct input in = { -1, 0, 0, 0, 0, NULL };
static struct request request;
static pid_t command;
static int terminal = -1, status, has_ended;

static void put32(char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(value >> 8 * i);
}

static uint32_t get32(const char *at)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value |= (uint32_t)(unsigned char)at[i] << 8 * i;
	return value;
}

static void write_all(int to, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(to, data, size);
		struct pollfd room = { to, POLLOUT, 0 };

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return;
		} else {
			poll(&room, 1, 100);
		}
	}
}

static void send_frame(char type, const char *data, uint32_t size)
{
	char head[5] = { type };

	put32(head + 1, size);
	write_all(control, head, sizeof head);
	write_all(control, data, size);
}

/* The host ends the machine when it has heard this. */
static void wait_for_end(void)
{
	for (;;)
		pause();
}

__attribute__((format(printf, 2, 3))) static void fail(uint32_t code, const char *format, ...)
{
	char text[4096];
	va_list arguments;

	put32(text, code);
	va_start(arguments, format);
	vsnprintf(text + 4, sizeof text - 4, format, arguments);
	va_end(arguments);
	send_frame('E', text, (uint32_t)(4 + strlen(text + 4)));
	wait_for_end();
}

static void make_directories(const char *path)
{
	char *copy = strdup(path);

	for (char *at = copy + 1; *at; at++)
		if (*at == '/') {
			*at = 0;
			mkdir(copy, 0755);
			*at = '/';
		}
	mkdir(copy, 0755);
	free(copy);
}

static int mount_at(const char *what, const char *where, const char *type, unsigned long flags, const char *options)
{
	make_directories(where);
	return mount(what, where, type, flags, options);
}

/* The channels */

static int open_port(const char *wanted)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int found = -1;

	while (ports && found < 0 && (entry = readdir(ports))) {
		char path[512], name[64] = "";
		int file;

		snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		if (read(file, name, sizeof name - 1) > 0)
			name[strcspn(name, "\n")] = 0;
		close(file);
		snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		if (!strcmp(name, wanted))
			found = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	if (ports)
		closedir(ports);
	return found;
}

static int open_serial(const char *path)
{
	int file = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios settings;

	if (file >= 0 && !tcgetattr(file, &settings)) {
		cfmakeraw(&settings);
		settings.c_cflag |= CLOCAL | CREAD;
		cfsetspeed(&settings, B115200);
		tcsetattr(file, TCSANOW, &settings);
	}
	return file;
}

static void open_channels(void)
{
	for (int tries = 0; tries < 200; tries++) {	/* drivers may probe later */
		if (control < 0)
			control = open_port("control");
		if (out.to < 0)
			out.to = open_port("out");
		if (err.to < 0)
			err.to = open_port("err");
		if (control >= 0 && out.to >= 0 && err.to >= 0)
			return;
		if (access("/sys/bus/virtio/drivers/virtio_console", F_OK))
			break;
		usleep(10000);
	}
	is_serial = 1;
	control = open_serial("/dev/ttyS1");
	out.to = open_serial("/dev/ttyS2");
	err.to = open_serial("/dev/ttyS3");
	if (control < 0 || out.to < 0 || err.to < 0) {
		printf("kernix: no channel to the host: neither virtio-serial ports nor ttyS1 to ttyS3\n");
		reboot(RB_AUTOBOOT);
	}
}

/* Frames from the host */

static char *frames;
static size_t held, room;

/* Read what is there; 0 if the host is gone. */
static int read_frames(void)
{
	ssize_t n;

	if (room - held < CHUNK)
		frames = realloc(frames, room += 2 * CHUNK);
	n = read(control, frames + held, CHUNK);
	if (n > 0)
		held += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int next_frame(char *type, char **data, uint32_t *size)
{
	if (held < 5 || held - 5 < get32(frames + 1))
		return 0;
	*type = frames[0];
	*size = get32(frames + 1);
	*data = frames + 5;
	return 1;
}

static void drop_frame(uint32_t size)
{
	held -= 5 + size;
	memmove(frames, frames + 5 + size, held);
}

/*
 * Each item is a letter, a text and a zero byte: a argument, e variable, d working directory, h host name, p a terminal
 * ("ROWS COLUMNS"), r type of the root's file system, s "TAG PATH" of a writable share, n network, x search path.
 */
static void read_request(char *data, uint32_t size)
{
	char *copy = memcpy(malloc(size + 1), data, size), *end = copy + size;

	*end = 0;
	for (char *at = copy; at < end; at += strlen(at) + 1) {
		char *text = at + 1;

		switch (*at) {
		case 'a':
			if (request.argc < MAX_ITEMS - 1)
				request.argv[request.argc++] = text;
			break;
		case 'e':
			if (request.envc < MAX_ITEMS - 1)
				request.env[request.envc++] = text;
			break;
		case 's':
			if (request.shares < MAX_ITEMS)
				request.share[request.shares++] = text;
			break;
		case 'd': request.directory = text; break;
		case 'h': request.host = text; break;
		case 'n': request.network = 1; break;
		case 'p': request.terminal = text; break;
		case 'r': request.root = text; break;
		case 'x': request.search = text; break;
		}
	}
}

static void wait_for_request(void)
{
	char type, *data;
	uint32_t size;

	while (!next_frame(&type, &data, &size)) {
		struct pollfd ready = { control, POLLIN, 0 };

		poll(&ready, 1, 100);
		if (!read_frames())	/* the host has not connected yet */
			usleep(1000);
	}
	read_request(data, size);
	drop_frame(size);
}

/* The root */

static const char *options_for(const char *type, int writable)
{
	if (strcmp(type, "9p"))
		return "";
	return writable ? "trans=virtio,version=9p2000.L,msize=512000,cache=mmap"
			: "trans=virtio,version=9p2000.L,msize=512000,cache=loose";
}

static void make_root(void)
{
	if (mount_at("root", "/lower", request.root, MS_RDONLY, options_for(request.root, 0)))
		fail(FAILED, "cannot mount the root by %s: %s", request.root, strerror(errno));
	if (mount_at("cover", "/cover", "tmpfs", 0, "mode=0755"))
		fail(FAILED, "cannot mount a tmpfs over the root: %s", strerror(errno));
	mkdir("/cover/upper", 0755);
	mkdir("/cover/work", 0755);
	if (mount_at("root", "/new", "overlay", 0, "lowerdir=/lower,upperdir=/cover/upper,workdir=/cover/work"))
		fail(FAILED, "cannot mount an overlay over the root: %s", strerror(errno));
	for (size_t i = 0; i < request.shares; i++) {
		char tag[32] = "", place[4200];
		char *path = strchr(request.share[i], ' ');

		if (!path || (size_t)(path - request.share[i]) >= sizeof tag)
			continue;
		memcpy(tag, request.share[i], (size_t)(path - request.share[i]));
		snprintf(place, sizeof place, "/new%s", path + 1);
		if (mount_at(tag, place, request.root, 0, options_for(request.root, 1)))
			fail(FAILED, "cannot mount %s by %s: %s", path + 1, request.root, strerror(errno));
	}
	make_directories("/new/dev");
	make_directories("/new/proc");
	make_directories("/new/sys");
	mount("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	mount("/proc", "/new/proc", NULL, MS_MOVE, NULL);
	mount("/sys", "/new/sys", NULL, MS_MOVE, NULL);
	mount_at("run", "/new/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail(FAILED, "cannot enter the root: %s", strerror(errno));
}

static void run_and_wait(char *const argv[])
{
	pid_t pid = fork();

	if (!pid) {
		execv(argv[0], argv);
		_exit(NOT_FOUND);
	}
	waitpid(pid, NULL, 0);
}

static void finish_root(void)
{
	char *const install[] = { "/bin/busybox", "--install", "-s", "/bin", NULL };

	if (request.root)
		make_root();
	else
		run_and_wait(install);
	mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
	mount_at("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	(void)!symlink("/proc/self/fd", "/dev/fd");
	(void)!symlink("/proc/self/fd/0", "/dev/stdin");
	(void)!symlink("/proc/self/fd/1", "/dev/stdout");
	(void)!symlink("/proc/self/fd/2", "/dev/stderr");
}

/* The network: QEMU's user network is always 10.0.2.0/24, with the host at .2 and a name server at .3. */

static void set_address(struct ifreq *interface, int by, unsigned long what, uint32_t address)
{
	struct sockaddr_in *at = (struct sockaddr_in *)&interface->ifr_addr;

	memset(at, 0, sizeof *at);
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(address);
	if (ioctl(by, what, interface))
		fail(FAILED, "cannot set up the network: %s", strerror(errno));
}

static void start_interface(int by, struct ifreq *interface)
{
	if (!ioctl(by, SIOCGIFFLAGS, interface)) {
		interface->ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(by, SIOCSIFFLAGS, interface);
	}
}

static void start_network(void)
{
	int by = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), file;
	struct ifreq interface = { 0 };
	struct rtentry route = { 0 };
	DIR *all;
	struct dirent *entry;

	if (by < 0) {
		if (request.network)
			fail(FAILED, "cannot set up the network: %s", strerror(errno));
		return;
	}
	strcpy(interface.ifr_name, "lo");
	start_interface(by, &interface);
	all = request.network ? opendir("/sys/class/net") : NULL;
	interface.ifr_name[0] = 0;
	while (all && (entry = readdir(all))) {
		char path[512];

		snprintf(path, sizeof path, "/sys/class/net/%s/device", entry->d_name);
		if (!access(path, F_OK))
			snprintf(interface.ifr_name, sizeof interface.ifr_name, "%.15s", entry->d_name);
	}
	if (all)
		closedir(all);
	if (request.network) {
		if (!interface.ifr_name[0])
			fail(FAILED, "cannot set up the network: the kernel sees no network card");
		set_address(&interface, by, SIOCSIFADDR, 0x0a00020f);
		set_address(&interface, by, SIOCSIFNETMASK, 0xffffff00);
		start_interface(by, &interface);
		((struct sockaddr_in *)&route.rt_dst)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_genmask)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_gateway)->sin_family = AF_INET;
		((struct sockaddr_in *)&route.rt_gateway)->sin_addr.s_addr = htonl(0x0a000202);
		route.rt_flags = RTF_UP | RTF_GATEWAY;
		ioctl(by, SIOCADDRT, &route);
		unlink("/etc/resolv.conf");	/* of the overlay: the machine's own stays */
		file = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (file >= 0) {
			write_all(file, "nameserver 10.0.2.3\n", 20);
			close(file);
		}
	}
	close(by);
}

/* The command */

static void on_child(int number)
{
	int before = errno;

	(void)number;
	(void)!write(children[1], "", 1);
	errno = before;
}

static void become(int stdin_, int stdout_, int stderr_, int report)
{
	sigset_t none;
	int why;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (request.terminal)
		ioctl(stdin_, TIOCSCTTY, 0);
	/* Descriptors above the three: what is copied may be one of them. */
	stdin_ = fcntl(stdin_, F_DUPFD_CLOEXEC, 10);
	stdout_ = fcntl(stdout_, F_DUPFD_CLOEXEC, 10);
	stderr_ = fcntl(stderr_, F_DUPFD_CLOEXEC, 10);
	dup2(stdin_, 0);
	dup2(stdout_, 1);
	dup2(stderr_, 2);
	if (request.directory && chdir(request.directory)) {
		why = -errno;
	} else {
		execvpe(request.argv[0], request.argv, request.env);
		why = errno;
	}
	(void)!write(report, &why, sizeof why);
	_exit(NOT_FOUND);
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC))
		fail(FAILED, "cannot make a pipe: %s", strerror(errno));
}

static void set_size(unsigned rows, unsigned columns)
{
	struct winsize size = { (unsigned short)rows, (unsigned short)columns, 0, 0 };

	if (terminal >= 0)
		ioctl(terminal, TIOCSWINSZ, &size);
}

static void not_blocking(int file)
{
	fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK);
}

static void start_command(void)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, errors[2] = { -1, -1 }, report[2], why = 0;
	unsigned rows = 0, columns = 0;

	make_pipe(report);
	make_pipe(children);
	not_blocking(children[0]);
	not_blocking(children[1]);
	signal(SIGCHLD, on_child);
	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", request.search ? request.search : "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (request.terminal) {
		if (openpty(&terminal, &to[0], NULL, NULL, NULL))
			fail(FAILED, "cannot open a terminal: %s", strerror(errno));
		fcntl(terminal, F_SETFD, FD_CLOEXEC);
		if (sscanf(request.terminal, "%u %u", &rows, &columns) == 2)
			set_size(rows, columns);
		from[1] = errors[1] = to[0];
		from[0] = to[1] = terminal;
	} else {
		make_pipe(to);
		make_pipe(from);
		make_pipe(errors);
		not_blocking(errors[0]);
	}
	not_blocking(to[1]);
	not_blocking(from[0]);
	command = fork();
	if (!command)
		become(to[0], from[1], errors[1], report[1]);
	if (command < 0)
		fail(FAILED, "cannot start a process: %s", strerror(errno));
	close(report[1]);
	if (read(report[0], &why, sizeof why) == sizeof why) {
		if (why < 0)
			fail(FAILED, "cannot enter the working directory %s: %s", request.directory, strerror(-why));
		fail(why == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, "cannot run %s: %s", request.argv[0], strerror(why));
	}
	close(report[0]);
	close(to[0]);
	if (!request.terminal) {
		close(from[1]);
		close(errors[1]);
	}
	in.to = to[1];
	out.from = from[0];
	err.from = errors[0];
	send_frame('B', "", 0);
}

static void take_input(const char *data, uint32_t size)
{
	if (!size)
		in.ended = 1;
	if (in.end + size > in.size)
		in.data = realloc(in.data, in.size = in.end + size + CHUNK);
	memcpy(in.data + in.end, data, size);
	in.end += size;
}

static void write_input(void)
{
	char *at = in.data + in.start;
	size_t size = in.end - in.start;
	struct termios settings;
	char taken[4];
	ssize_t n = write(in.to, at, size);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {	/* the command reads no more: neither do we */
		close(in.to);
		in.to = -1;
		return;
	}
	if (request.terminal && memchr(at, CTRL_C, (size_t)n) && !tcgetattr(terminal, &settings)
	    && !(settings.c_lflag & ISIG))
		send_frame('K', "", 0);
	put32(taken, (uint32_t)n);
	send_frame('A', taken, 4);
	in.start += (size_t)n;
	if (in.start == in.end)
		in.start = in.end = 0;
}

static void close_input(void)
{
	if (request.terminal)
		return;		/* it ends with the terminal */
	close(in.to);
	in.to = -1;
}

static void obey(void)
{
	char type, *data;
	uint32_t size;

	while (next_frame(&type, &data, &size)) {
		if (type == 'I')
			take_input(data, size);
		else if (type == 'S' && size == 1)
			kill(-command, data[0]);
		else if (type == 'W' && size == 4)
			set_size((unsigned char)data[0] | (unsigned char)data[1] << 8,
				 (unsigned char)data[2] | (unsigned char)data[3] << 8);
		drop_frame(size);
	}
}

static void fill(struct relay *it)
{
	size_t most = sizeof it->data;
	ssize_t n;

	if (it->last >= 0 && !request.terminal && (size_t)it->last < most)
		most = (size_t)it->last;
	n = read(it->from, it->data, most);
	if (n > 0) {
		it->start = 0;
		it->end = (size_t)n;
		if (it->last >= 0)
			it->last -= n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		if (it->from != terminal)
			close(it->from);
		it->from = -1;
	}
}

static void flush(struct relay *it)
{
	ssize_t n = write(it->to, it->data + it->start, it->end - it->start);

	if (n > 0) {
		it->start += (size_t)n;
		it->total += (uint64_t)n;
	}
}

static void reap(void)
{
	char wakes[64];
	pid_t pid;
	int how, left;

	while (read(children[0], wakes, sizeof wakes) > 0)
		;
	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		has_ended = 1;
		status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
		/* What it wrote is in the pipes now; what its children write from now on is not waited for. */
		for (struct relay *it = &out; it; it = it == &out ? &err : NULL)
			it->last = it->from >= 0 && !ioctl(it->from, FIONREAD, &left) ? left : 0;
	}
}

static int is_done(const struct relay *it)
{
	return it->start == it->end && (it->from < 0 || (!request.terminal && it->last == 0));
}

static void relay_all(void)
{
	while (!(has_ended && is_done(&out) && is_done(&err))) {
		struct pollfd on[7] = {
			{ control, POLLIN, 0 },
			{ children[0], POLLIN, 0 },
			{ in.end > in.start ? in.to : -1, POLLOUT, 0 },
			{ out.start == out.end && out.last ? out.from : -1, POLLIN, 0 },
			{ err.start == err.end && err.last ? err.from : -1, POLLIN, 0 },
			{ out.start < out.end ? out.to : -1, POLLOUT, 0 },
			{ err.start < err.end ? err.to : -1, POLLOUT, 0 },
		};
		int n;

		if (request.terminal && has_ended)	/* the last output may still be on its way through the terminal */
			on[3].fd = out.start == out.end ? out.from : -1;
		n = poll(on, 7, request.terminal && has_ended ? 100 : -1);
		if (n < 0)
			continue;
		if (n == 0 && has_ended)
			break;
		if (on[0].revents && !read_frames())
			usleep(1000);
		obey();
		if (on[1].revents)
			reap();
		if (on[2].revents)
			write_input();
		if (in.ended && in.to >= 0 && in.start == in.end)
			close_input();
		if (on[3].revents)
			fill(&out);
		if (on[4].revents)
			fill(&err);
		if (on[5].revents)
			flush(&out);
		if (on[6].revents)
			flush(&err);
	}
}

static void report_end(void)
{
	char end[20];

	put32(end, (uint32_t)status);
	put32(end + 4, (uint32_t)out.total);
	put32(end + 8, (uint32_t)(out.total >> 32));
	put32(end + 12, (uint32_t)err.total);
	put32(end + 16, (uint32_t)(err.total >> 32));
	send_frame('X', end, sizeof end);
}

int main(void)
{
	umask(022);
	mount_at("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	mount_at("sys", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	open_channels();
	send_frame('H', "", 0);
	wait_for_request();
	if (!request.argc)
		fail(FAILED, "the request has no command");
	if (request.host)
		sethostname(request.host, strlen(request.host));
	finish_root();
	start_network();
	start_command();
	relay_all();
	kill(-1, SIGKILL);
	sync();		/* what is written to disks and shares stays */
	report_end();
	wait_for_end();
}
