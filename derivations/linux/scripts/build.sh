# Build the kernel of /src with the configuration /config, out of tree in /build.
#
# $1 is the release that the modules directory is named after, $2 the image's target, the other
# arguments are make's. Leaves the outputs out, modules, build and debug.
set -eu

release=$1
image=$2
shift 2

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

kernel_make() {
    make -C /src O=/build "$@"
}

has() {
    grep -qx "CONFIG_$1=y" /build/.config
}

check() {
    if ! cmp -s /config .config; then
        diff /config .config || true
        fail config "the configuration changes when the kernel is built" "its toolchain is another one than that which resolved it"
    fi
    said=$(cat include/config/kernel.release)
    if [ "$said" != "$release" ]; then
        fail release "this kernel calls itself $said, and mod_dir_version is $release" "set mod_dir_version=\\\"$said\\\""
    fi
}

# In a kept tree, include/config has a file for each option that was on at any time; a clean build has those that are on
# (named like printk/time.h before Linux 5.14).
forget_options() {
    sed -n 's/^CONFIG_\([A-Za-z0-9_]*\)=.*/\1/p' include/config/auto.conf > /tmp/options
    find include/config -type f ! -name 'auto.conf*' ! -name kernel.release ! -name tristate.conf | awk '
        NR == FNR { on[$0]; upper[toupper($0)]; next }
        { name = substr($0, 16) }
        name ~ /\.h$/ { name = toupper(substr(name, 1, length(name) - 2)); gsub("/", "_", name); if (name in upper) next }
        !(name in on) { print }
    ' /tmp/options - | xargs -r rm -f
}

if grep -qx CONFIG_MODULE_COMPRESS_GZIP=y /config && kmod --version | grep -q -- -ZLIB; then
    # It would write an empty modules.dep, and exit with 0.
    fail compression "the toolchain's depmod cannot read modules compressed with gzip" \
        "set MODULE_COMPRESS_XZ or MODULE_COMPRESS_ZSTD instead of MODULE_COMPRESS_GZIP"
fi

cd /build
config=/config
# shellcheck source=chance.sh
. /kernix/chance.sh
# The configuration is resolved: make's own syncconfig only writes what the compiler reads of it.
cmp -s /config .config || cat /config > .config
if [ ! -e include/config/auto.conf ] || [ "${KERNIX_PHASE:-}" = prepare ]; then
    kernel_make -j"$KERNIX_CORES" "$@" prepare
    check
fi
if [ "${KERNIX_PHASE:-}" = prepare ]; then exit; fi

targets="$image modules_prepare"
if has MODULES; then targets="$targets modules"; fi
if has OF_EARLY_FLATTREE && [ "$image" != bzImage ]; then targets="$targets dtbs"; fi
# After a failure what went wrong is said once more, by itself: other jobs print behind it until they end.
# shellcheck disable=SC2086
kernel_make -j"$KERNIX_CORES" "$@" $targets || { kernel_make "$@" $targets || true; exit 1; }
check
forget_options

check_seed
mkdir -p /out/out /out/modules/lib/modules /out/debug
# Not what `make image_name` says: on arm64 and riscv that is a compressed image, whatever was asked for.
case $image in
    vmlinux) cp vmlinux /out/out/vmlinux ;;
    *) cp "arch/$SRCARCH/boot/$image" "/out/out/$image" ;;
esac
cp System.map /out/out/System.map
cp .config /out/out/config
cp vmlinux /out/debug/vmlinux
case $targets in *dtbs*) kernel_make "$@" dtbs_install INSTALL_DTBS_PATH=/out/out/dtbs ;; esac
if has MODULES; then
    kernel_make "$@" modules_install INSTALL_MOD_PATH=/out/modules INSTALL_MOD_STRIP=1
    rm -f "/out/modules/lib/modules/$release/build" "/out/modules/lib/modules/$release/source"
fi

# What external modules are built against: the products that Kbuild reads. `headers.sh` adds files of the source.
there=/out/build/lib/modules/$release
mkdir -p "$there/build" "$there/source"
for path in .config System.map Module.symvers include scripts "arch/$SRCARCH/include" "arch/$SRCARCH/module.lds" \
    tools/objtool/objtool tools/bpf/resolve_btfids/resolve_btfids; do
    if [ -e "$path" ]; then find "$path" ! -name '*.o' ! -name '.*.cmd' ! -name '.*.d' ! -type d; fi
done | cpio -pdm --quiet "$there/build"
cat > "$there/build/Makefile" << 'EOF'
self := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
export KBUILD_OUTPUT := $(self)
include $(realpath $(self)/../source)/Makefile
EOF
