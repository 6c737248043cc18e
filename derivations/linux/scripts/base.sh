# Make the configuration that the target $1 of the tree in /src is; the other arguments are make's.
set -eu

target=$1
shift

cd /build
: > .config # without one, Kconfig looks for the running kernel's
make -C /src O=/build "$@" "$target"
cp .config /out/out
