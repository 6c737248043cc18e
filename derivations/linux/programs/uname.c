/*
 * The first process of a boot test: print which kernel this is, and restart the machine.
 *
 * Without a C library, so that a cross compiler is enough. syscall(2) has the registers of system calls, and the kernel's
 * headers their numbers. /dev/console is its standard output already. The stack may be aligned otherwise than C wants it, so
 * data is static.
 */

#if defined(__aarch64__) || defined(__riscv)
enum { WRITE = 64, REBOOT = 142, UNAME = 160 };
#elif defined(__arm__) || defined(__i386__)
enum { WRITE = 4, REBOOT = 88, UNAME = 122 };
#else
#error "the system calls of this processor are not known"
#endif

enum { MAGIC = (int)0xfee1dead, MAGIC_2 = 672274793, RESTART = 0x1234567 };

static long call(long number, long first, long second, long third)
{
#if defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#elif defined(__arm__)
	register long r7 __asm__("r7") = number;
	register long r0 __asm__("r0") = first;
	register long r1 __asm__("r1") = second;
	register long r2 __asm__("r2") = third;
	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
#elif defined(__riscv)
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = first;
	register long a1 __asm__("a1") = second;
	register long a2 __asm__("a2") = third;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
#else
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(first), "c"(second), "d"(third) : "memory");
	return number;
#endif
}

static struct {
	char system[65], node[65], release[65], version[65], machine[65], domain[65];
} names;

static void print(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	while (length > 0) {
		long written = call(WRITE, 1, (long)text, length);

		if (written <= 0)
			return;
		text += written;
		length -= written;
	}
}

__attribute__((noreturn)) void _start(void)
{
	call(UNAME, (long)&names, 0, 0);
	print("\n" SENTINEL " release=");
	print(names.release);
	print("\n" SENTINEL " uname=");
	print(names.system);
	print(" ");
	print(names.node);
	print(" ");
	print(names.release);
	print(" ");
	print(names.version);
	print(" ");
	print(names.machine);
	print("\n");
	/* QEMU exits on it (-no-reboot); a power-off would take drivers that a small kernel lacks. */
	call(REBOOT, MAGIC, MAGIC_2, RESTART);
	for (;;)
		;
}
