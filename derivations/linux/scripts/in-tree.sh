# Build modules of the kernel's own tree against the kernel that /kernel has `dev` of, and install each in its place.
#
# $1 is what they are called together, $2 the kernel's release; the other arguments are make's. /list has a line for each
# directory: its path, the only module to build or `-`, and the options. /sources has their files. They are copied, with
# the directories around them, so that what they include by `..` is found.
set -eu

name=$1
release=$2
shift 2

kernel=/kernel/lib/modules/$release/build
top=/build/tree
tree=/out/out/lib/modules/$release
tab=$(printf '\t')

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

warn() {
    printf '@kernix {"warning": "%s"}\n' "$1"
}

# What is on the lines, each once, as words with commas between.
list() {
    sort -u | tr -d '\\"' | tr '\n' ' ' | sed 's/ $//; s/ /, /g'
}

has() {
    grep -qx "CONFIG_$1=y" "$kernel/.config"
}

symbols() {
    find /build/symbols -name '*.symvers' 2> /dev/null | sort | tr '\n' ' '
}

kbuild() {
    found=$(symbols)
    make -C "$kernel" M="$PWD" ${found:+"KBUILD_EXTRA_SYMBOLS=$found"} "$@"
}

# Prepare the makefile here for a build by itself: $1 is its directory in the tree, $2 the only module or `-`.
prepare() {
    makefile=Makefile
    if [ -e Kbuild ]; then makefile=Kbuild; fi
    # Names of files in messages are those of the kernel's own build.
    printf '\nsubdir-ccflags-y += -fmacro-prefix-map=%s/=\n' "$top" >> $makefile
    above=$1
    while [ "${above%/*}" != "$above" ]; do
        above=${above%/*}
        for file in "$top/$above/Kbuild" "$top/$above/Makefile"; do
            # Flags for all directories below; those that name a place are for the makefile's own.
            if [ -e "$file" ]; then grep -hE '^subdir-(cc|as)flags-' "$file" | grep -vF '$(' >> $makefile || true; fi
        done
    done
    if [ "$2" != - ]; then printf 'obj-y :=\nobj-m := %s.o\nsubdir-y :=\nsubdir-m :=\nlib-y :=\nalways-y :=\n' "$2" >> $makefile; fi
}

give_up() {
    unknown=$(sed -n 's/^ERROR: modpost: "\([^"]*\)" \[.*\] undefined!$/\1/p' /build/log | list)
    if [ -n "$unknown" ]; then
        fail symbols "$name needs symbols that Linux $release does not export: $unknown" \
            "give the patch that needs them to the kernel, or name the module that has them as well"
    fi
    exit 1
}

# Compare the versions of symbols that the modules here use, $1, with those of the kernel, and those that they export.
check_versions() {
    cat "$kernel/Module.symvers" /build/symbols/*.symvers > /build/known 2> /dev/null || cp "$kernel/Module.symvers" /build/known
    cut -f 1,2 /build/known | sort -u > /build/versions
    for file in $1; do
        modprobe --dump-modversions "$file" | sort -u > /build/used
        wrong=$(comm -23 /build/used /build/versions | cut -f 2 | list)
        if [ -n "$wrong" ]; then
            fail symbols "$(basename "$file") was compiled against other versions of symbols than Linux $release has: $wrong" \
                "the patch changes what they are made of: give it to the kernel"
        fi
    done
    cut -f 1,2 "$kernel/Module.symvers" | sort -k 2 > /build/old
    cut -f 1,2 Module.symvers | sort -k 2 > /build/new
    changed=$(join -1 2 -2 2 /build/old /build/new | awk '$2 != $3 { print $1 }' | list)
    if [ -n "$changed" ]; then
        warn "$name exports other versions of symbols than the kernel's own module: $changed; modules that use them must be built against it"
    fi
}

cp -R "/sources/lib/modules/$release/source" "$top"
chmod -R u+w "$top"
mkdir -p "$tree" /out/dev /build/symbols
number=0
while IFS="$tab" read -r directory module _; do
    cd "$top/$directory"
    prepare "$directory" "$module"
    rm -f /build/failed
    { kbuild -j"$KERNIX_CORES" "$@" modules 2>&1 || echo failed > /build/failed; } | tee /build/log
    if [ -e /build/failed ]; then give_up; fi
    files=$(find . -name '*.ko' -type f)
    if [ -z "$files" ]; then
        fail nothing "$directory builds no module for Linux $release" "its makefile builds none with this configuration"
    fi
    if has MODVERSIONS; then check_versions "$files"; fi
    for file in $files; do
        magic=$(modinfo -F vermagic "$file")
        if [ "${magic%% *}" != "$release" ]; then
            fail vermagic "$(basename "$file") is for Linux ${magic%% *}, not for $release" "compiled files do not belong in a patch"
        fi
    done
    # Signed with which key? None is kept, so that the kernel can be built again as it was.
    kbuild "$@" modules_install CONFIG_MODULE_SIG_ALL= INSTALL_MOD_PATH=/out/out INSTALL_MOD_DIR="kernel/$directory" \
        INSTALL_MOD_STRIP=1 DEPMOD=true
    number=$((number + 1))
    cp Module.symvers "/build/symbols/$number.symvers"
done < /list

cat /build/symbols/*.symvers | sort -u > /out/dev/Module.symvers
find "$tree" -maxdepth 1 \( -type f -o -type l \) -exec rm {} +
