# Build the modules of /src/$3 against the kernel whose output `dev` is /kernel, and install them below extra/$1.
#
# $1 is what they are called together, $2 the kernel's release, $3 a pattern for the directory with the makefile; the other
# arguments are make's. /depends/* are the outputs `dev` of modules whose symbols these may use.
set -eu

name=$1
release=$2
directory=$3
shift 3

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

# What is on the lines, each once, as words with commas between.
list() {
    sort -u | tr -d '\\"' | tr '\n' ' ' | sed 's/ $//; s/ /, /g'
}

# shellcheck disable=SC2086
set -- /src/$directory -- "$@"
if [ ! -d "$1" ]; then fail source "the source of $name has no directory $directory" "give the one with its makefile as \`directory\`"; fi
if [ "$2" != -- ]; then fail source "several directories of the source of $name are like $directory" "name one"; fi
cp -R "$1" /build/module
chmod -R u+w /build/module
shift 2
cd /build/module

symbols=$(find /depends -name Module.symvers 2> /dev/null | sort | tr '\n' ' ')
module_make() {
    make -C "/kernel/lib/modules/$release/build" M=/build/module KBUILD_EXTRA_SYMBOLS="$symbols" "$@"
}

{ module_make -j"$KERNIX_CORES" "$@" modules 2>&1 || echo failed > /build/failed; } | tee /build/said
if [ -e /build/failed ]; then
    unknown=$(sed -n 's/^ERROR: modpost: "\([^"]*\)" \[.*\] undefined!$/\1/p' /build/said | list)
    if [ -n "$unknown" ]; then
        fail symbols "$name needs symbols that Linux $release does not export: $unknown" \
            "it is for another version or configuration of the kernel, or they come from another module, to be named in \`depends\`"
    fi
    exit 1
fi

# Signed with which key? None is kept, so that the kernel can be built again as it was.
module_make "$@" modules_install CONFIG_MODULE_SIG_ALL= INSTALL_MOD_PATH=/out/out INSTALL_MOD_DIR="extra/$name" INSTALL_MOD_STRIP=1 DEPMOD=true
tree=/out/out/lib/modules/$release
if [ ! -d "$tree" ] || [ -z "$(find "$tree" -name '*.ko*')" ]; then fail nothing "$name builds no module" "does its makefile have obj-m?"; fi
find "$tree" -maxdepth 1 \( -type f -o -type l \) -exec rm {} +

find "$tree" -name '*.ko*' | while read -r module; do
    magic=$(modinfo -F vermagic "$module")
    if [ "${magic%% *}" != "$release" ]; then
        fail vermagic "$(basename "$module") is for Linux ${magic%% *}, not for $release" "it was not compiled here; leave compiled files out of the source"
    fi
done

mkdir -p /out/dev
if [ -e Module.symvers ]; then cp Module.symvers /out/dev/; fi
find . -name '*.h' | cpio -pdm --quiet /out/dev
