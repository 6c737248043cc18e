# Resolve a base configuration and a fragment by the kernel's own Kconfig: $1 is the target that
# makes the base, or empty for the file /base; the other arguments are make's.
#
# A requested option replaces its line instead of following it, so the only warnings of Kconfig are
# about the request itself.
set -eu

target=$1
shift

cd /build
: > .config # without one, Kconfig looks for the running kernel's
if [ -n "$target" ]; then
    make -C /src O=/build "$@" "$target"
else
    cat /base > .config
fi

awk '
    function option(line) {
        sub(/^# /, "", line)
        sub(/[= ].*/, "", line)
        return line
    }
    NR == FNR { asked[option($0)] = 1; next }
    !(option($0) in asked)
' /fragment .config > merged
cat /fragment >> merged
mv merged .config

make -C /src O=/build "$@" olddefconfig
cp .config /out/out
