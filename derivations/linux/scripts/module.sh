# Build the modules of the source /src against the kernel whose output `dev` is /kernel, and install them below extra/$1.
#
# $1 is what they are called together, $2 the kernel's release, $3 what `uname -m` says on it, $4 patterns for the directories
# in which they are built, one after the other; the other arguments are make's. /depends/* are the outputs `dev` of modules
# whose symbols these may use. /usr/lib/modules and /usr/bin/uname are as on a machine that runs the kernel.
#
# The source is copied as a whole: its makefiles may refer to parents and siblings, and write into them. A directory is built
# as its authors do: with its dkms.conf (`dkms.sh`), by its makefile if that calls make for the kernel, or by Kbuild alone.
set -eu

name=$1
release=$2
machine=$3
patterns=$4
shift 4

kernel=/lib/modules/$release/build
sources=/kernel/lib/modules/$release/source
top=/build/module
tree=/out/out/lib/modules/$release

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

# What is on the lines, each once, as words with commas between.
list() {
    sort -u | tr -d '\\"' | tr '\n' ' ' | sed 's/ $//; s/ /, /g'
}

has() {
    grep -qx "CONFIG_$1=y" "$kernel/.config"
}

# $1 as make reads it in MAKEFLAGS (`quote_for_env` in GNU make's main.c).
escaped() {
    printf '%s' "$1" | sed 's/\\/\\\\/g; s/ /\\ /g; s/\$/$$/g'
}

# Say in today's words what newer kernels do not understand any more.
modernise() {
    makefiles=$(find "$top" -type f \( -name 'Makefile*' -o -name 'Kbuild*' -o -name '*.mk' \))
    # Since 6.15, scripts/Makefile.lib does not add them itself.
    if ! grep -qs EXTRA_CFLAGS "$sources"/scripts/Makefile.* && echo "$makefiles" | xargs -r -d '\n' grep -qs 'EXTRA_[ACLD]*FLAGS'; then
        echo "Linux $release ignores EXTRA_CFLAGS and its like: they are added to ccflags-y and its like"
        echo "$makefiles" | xargs -r -d '\n' grep -ls 'obj-' | while read -r file; do
            # shellcheck disable=SC2016
            printf '\n%s\n' 'ccflags-y += $(EXTRA_CFLAGS)' 'asflags-y += $(EXTRA_AFLAGS)' 'ldflags-y += $(EXTRA_LDFLAGS)' >> "$file"
        done
    fi
    # Since 5.3, the kernel's Makefile does not know SUBDIRS, and would begin to build the kernel.
    if ! grep -qs 'ifdef SUBDIRS' "$sources/Makefile"; then
        echo "$makefiles" | xargs -r -d '\n' grep -ls 'SUBDIRS=' | while read -r file; do sed -i '/-C/s/\<SUBDIRS=/M=/g' "$file"; done
    fi
}

# Print the one directory of the source that is like $1.
directory_like() {
    # shellcheck disable=SC2086
    set -- "$1" "$top"/$1
    if [ ! -d "$2" ]; then fail source "the source of $name has no directory $1" "give the one with its makefile as \`directory\`"; fi
    if [ $# -gt 2 ]; then fail source "several directories of the source of $name are like $1" "name one, or a list of them"; fi
    (cd "$2" && pwd)
}

# Check that something here says how to build: $1 is the pattern that led here.
check_buildable() {
    for file in dkms.conf Kbuild Makefile makefile GNUmakefile configure; do
        if [ -e "$file" ]; then return; fi
    done
    where=$1
    if [ "$where" = . ]; then where="its top directory"; fi
    others=$(find . -name dkms.conf -o -name Kbuild -o -name Makefile | sed 's|^\./||; s|/[^/]*$||' | list)
    fail source "the source of $name has neither a makefile, nor Kbuild, nor dkms.conf in $where" \
        "${others:+there is one in $others; }give the directory with it as \`directory\`"
}

symbols() {
    find /depends /build/symbols -name '*.symvers' 2> /dev/null | sort | tr '\n' ' '
}

kbuild() {
    found=$(symbols)
    # On the command line it beats what the makefile says of places that are not there.
    make -C "$kernel" M="$PWD" ${found:+"KBUILD_EXTRA_SYMBOLS=$found"} "$@"
}

# Whether the makefile here is one that calls make for the kernel itself, or for others that do.
is_wrapper() {
    for file in GNUmakefile makefile Makefile; do
        if [ -e "$file" ]; then
            grep -q "^$(printf '\t')" "$file" && grep -qE '(^|[^[:alnum:]_./-])make([^[:alnum:]_.-]|$)|\$[({][A-Z_]*MAKE[)}]' "$file"
            return
        fi
    done
    [ -x configure ]
}

# What is compiled here or below now and was not before, nearest to here first; each module once, however often it was copied.
compiled() {
    find "$top" -name '*.ko' -type f -newer /build/unpacked -printf '%d %p\n' | sort -n | cut -d ' ' -f 2- |
        awk '{ file = $0; sub(/.*\//, ""); gsub(/-/, "_"); if (!seen[$0]++) print file }'
}

# Let the authors' makefile do it, in an environment in which it finds the kernel.
by_makefile() {
    for variable in KDIR KERNELDIR KERNEL_DIR KERNEL_SRC KERNEL_SOURCE KSRC; do export "$variable=$kernel"; done
    for variable in KVER KVERS KVERSION; do export "$variable=$release"; done
    if [ ! -e GNUmakefile ] && [ ! -e makefile ] && [ ! -e Makefile ]; then ./configure || return; fi
    # `all: clean modules` means one after the other; below it, the kernel's makefiles know what they may do at once.
    printf '%s\n' 'ifeq ($(MAKELEVEL),0)' .NOTPARALLEL: endif > /build/serial.mk
    MAKEFILES=/build/serial.mk MAKEFLAGS="$makeflags" make -j"$KERNIX_CORES"
}

# Run $2… and note what it says in /build/$1.log.
noted() {
    log=/build/$1.log
    shift
    rm -f /build/failed
    { "$@" 2>&1 || echo failed > /build/failed; } | tee "$log"
    [ ! -e /build/failed ]
}

first_error() {
    grep -i -m 1 error "/build/$1.log" || true
}

# Explain by /build/$1.log, if anything there does, why this is the end of it.
give_up() {
    unknown=$(sed -n 's/^ERROR: modpost: "\([^"]*\)" \[.*\] undefined!$/\1/p' "/build/$1.log" | list)
    if [ -n "$unknown" ]; then
        fail symbols "$name needs symbols that Linux $release does not export: $unknown" \
            "it is for another version or configuration of the kernel, or they come from another module, to be named in \`depends\`"
    fi
    exit 1
}

# Put the compiled module $1 to the place $2, as modules_install does; $3 is `no` if it keeps its debug information.
install_one() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2"
    if [ "${3:-yes}" != no ]; then "$strip" --strip-debug "$2"; fi
    if has MODULE_COMPRESS_NONE || grep -qx '# CONFIG_MODULE_COMPRESS_ALL is not set' "$kernel/.config"; then
        return
    elif has MODULE_COMPRESS_GZIP; then
        gzip -n -f "$2"
    elif has MODULE_COMPRESS_XZ; then
        xz --check=crc32 --lzma2=dict=1MiB -f "$2"
    elif has MODULE_COMPRESS_ZSTD; then
        zstd -q --rm -f "$2"
    fi
}

# Find out which `strip` is the kernel's: Kbuild knows, by its toolchain.
find_strip() {
    mkdir -p /build/ask
    echo '$(file > /build/strip,$(STRIP))' > /build/ask/Kbuild
    make -s -C "$kernel" M=/build/ask "$@" modules > /dev/null
    strip=$(cat /build/strip)
}

by_dkms() {
    noted dkms env MAKEFLAGS="$makeflags" bash /kernix/dkms.sh "$release" "$machine" || give_up dkms
    find_strip "$@"
    while IFS="$(printf '\t')" read -r file target keep; do
        install_one "$file" "$tree/$below/$target.ko" "$keep"
    done < /build/modules
}

# Build what is here, as its authors do or else by Kbuild alone, with the arguments of make.
build_here() {
    if is_wrapper; then
        if noted makefile by_makefile && [ -n "$(compiled)" ]; then
            find_strip "$@"
            compiled | while read -r file; do
                case $file in
                    "$PWD"/*) install_one "$file" "$tree/$below/${file#"$PWD"/}" ;;
                    *) install_one "$file" "$tree/$below/${file##*/}" ;;
                esac
            done
            return
        fi
        echo "its makefile by itself builds no module: Kbuild is asked to"
    fi
    if ! noted kbuild kbuild -j"$KERNIX_CORES" "$@" modules; then
        if [ -e /build/makefile.log ] && [ "$(first_error makefile)" != "$(first_error kbuild)" ]; then
            echo "its makefile by itself had said:"
            tail -n 8 /build/makefile.log
        fi
        give_up kbuild
    fi
    # Signed with which key? None is kept, so that the kernel can be built again as it was.
    kbuild "$@" modules_install CONFIG_MODULE_SIG_ALL= INSTALL_MOD_PATH=/out/out INSTALL_MOD_DIR="$below" INSTALL_MOD_STRIP=1 DEPMOD=true
}

# Keep what others need of what was built here: its symbols and its headers.
keep_symbols() {
    mkdir -p /build/symbols
    number=$((number + 1))
    find . -name Module.symvers -type f -exec cat {} + | sort -u > "/build/symbols/$number.symvers"
    find . -name '*.h' | cpio -pdmu --quiet /out/dev
}

config=$kernel/.config
# shellcheck source=chance.sh
. /kernix/chance.sh

makeflags=" --"
for flag in "$@"; do makeflags="$makeflags $(escaped "$flag")"; done

export PWD # authors' makefiles say $(PWD)
cp -R /src "$top"
chmod -R u+w "$top"
modernise
touch /build/unpacked
mkdir -p /out/dev
number=0
set -f
for pattern in $patterns; do
    set +f
    place=$(directory_like "$pattern") || { echo "$place"; exit 1; }
    cd "$place"
    below=extra/$name
    case $patterns in *" "*) below=$below/${place#"$top"/} ;; esac # two of them may have modules of one name
    check_buildable "$pattern"
    KBUILD_EXTRA_SYMBOLS=$(symbols)
    export KBUILD_EXTRA_SYMBOLS
    if [ -e dkms.conf ]; then by_dkms "$@"; else build_here "$@"; fi
    keep_symbols
done

cat /build/symbols/*.symvers | sort -u > /out/dev/Module.symvers
if [ ! -d "$tree" ] || [ -z "$(find "$tree" -name '*.ko*')" ]; then fail nothing "$name builds no module" "does its makefile have obj-m?"; fi
find "$tree" -maxdepth 1 \( -type f -o -type l \) -exec rm {} +
find "$tree" -name '*.ko*' | while read -r module; do
    magic=$(modinfo -F vermagic "$module")
    if [ "${magic%% *}" != "$release" ]; then
        fail vermagic "$(basename "$module") is for Linux ${magic%% *}, not for $release" "it was not compiled here; leave compiled files out of the source"
    fi
done
