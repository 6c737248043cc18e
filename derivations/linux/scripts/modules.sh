# Join the modules of a kernel, /kernel-modules, with those of /externals/*, and index all of them together.
#
# $1 is the kernel's release; its System.map is in /kernel. A union of trees that have been indexed one by one knows
# the modules of one of them: so there is one depmod, and every index but Kbuild's own lists is made anew.
set -eu

release=$1

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

mkdir -p /out/out/lib/modules
cp -R --reflink=auto "/kernel-modules/lib/modules/$release" /out/out/lib/modules/
chmod -R u+w /out/out
for external in /externals/*; do
    name=${external#/externals/}
    for directory in "$external"/lib/modules/*; do
        if [ "${directory##*/}" != "$release" ]; then
            fail release "$name is built for Linux ${directory##*/}, not for $release" "build it for this kernel"
        fi
    done
    (cd "$external" && find . -type f) | while read -r file; do
        if [ -e "/out/out/$file" ]; then fail conflict "$name has ${file#./}, and so has another module" "leave one of them out"; fi
    done
    cp -R --reflink=auto "$external/." /out/out/
    chmod -R u+w /out/out
done

cd "/out/out/lib/modules/$release"
find . -maxdepth 1 -name 'modules.*' ! -name modules.order ! -name modules.builtin \
    ! -name modules.builtin.modinfo ! -name modules.builtin.ranges -exec rm {} +
echo 'search updates extra built-in' > /build/depmod.conf # what was added is meant to be used
depmod -C /build/depmod.conf -b /out/out -e -F /kernel/System.map "$release" 2>&1 | tee /build/said
unknown=$(sed -n 's/.*WARNING: .*\/\([^/]*\) needs unknown symbol \(.*\)/\1 needs \2/p' /build/said | sort -u | tr '\n' ',' | sed 's/,$//; s/,/, /g')
if [ -n "$unknown" ]; then
    fail symbols "modules need symbols that neither Linux $release nor another module has: $unknown" "build them for this kernel, and add those that they depend on"
fi
