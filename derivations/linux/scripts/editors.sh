# Compile the kernel's own editors of configurations in /src; the arguments are make's.
set -eu

cd /build
: > .config # without one, Kconfig looks for the running kernel's
for it in menuconfig:mconf nconfig:nconf; do
    # There is no terminal here: the editor ends at once, with an error, after it was compiled.
    make -C /src O=/build "$@" "${it%:*}" < /dev/null || :
    [ -x "scripts/kconfig/${it#*:}" ] || exit 1
done
mkdir /out/out
cp -r --preserve=mode,timestamps,links scripts /out/out
