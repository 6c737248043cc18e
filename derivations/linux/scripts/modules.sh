# Join the modules of a kernel, /kernel-modules, with those of /externals/*, and index all of them together.
#
# $1 is the kernel's release; its System.map is in /kernel, or else its Module.symvers is in the headers there. A union of trees that have been indexed one by one knows
# the modules of one of them: so there is one depmod, and every index but Kbuild's own lists is made anew.
#
# To modprobe and the kernel, `my-dial` and `my_dial` are one name, and it is of one module: two of the externals cannot
# have it. An external one may have that of one of the kernel's, and replaces it: what depmod searches first is found.
set -eu

release=$1
order='updates extra built-in' # what was added is meant to be used

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

warn() {
    printf '@kernix {"warning": "%s"}\n' "$1"
}

# Below $2, or in the list $2 of modules that are built in: each module's name as the kernel has it, its file, and
# whose it is, $1, with tabs between.
named() {
    if [ -d "$2" ]; then (cd "$2" && find . -name '*.ko*' -type f); elif [ -e "$2" ]; then cat "$2"; fi |
        awk -v owner="$1" -v OFS='\t' '{
            sub(/^\.\//, ""); name = $0; sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name)
            print name, $0, owner
        }' | sort
}

tab=$(printf '\t')
for external in /externals/*; do
    for directory in "$external"/lib/modules/*; do named "${external#/externals/}" "$directory"; done
done | sort > /build/externals
twice=$(cut -f 1 /build/externals | uniq -d | head -n 1)
if [ -n "$twice" ]; then
    both=$(awk -F "$tab" -v name="$twice" '$1 == name { printf "%s%s of %s", sep, $2, $3; sep = " and " }' /build/externals)
    fail conflict "two modules are called $twice, and only one can be loaded: $both" "leave one of them out"
fi
own=/kernel-modules/lib/modules/$release
named "" "$own/kernel" > /build/own
named "" "$own/modules.builtin" > /build/builtin
join -t "$tab" /build/externals /build/own | while IFS="$tab" read -r name file package old _; do
    case $file in
        updates/* | extra/*)
            warn "$file of $package replaces kernel/$old, the kernel's own $name: depmod searches ${order% *} first" ;;
        "kernel/${old%.ko*}".ko*) echo "lib/modules/$release/kernel/$old" >> /build/replaced ;; # of the tree, built again
        *)
            fail conflict "$file of $package has the name of kernel/$old, and neither is searched before the other" "install it below extra" ;;
    esac
done
join -t "$tab" /build/externals /build/builtin | while IFS="$tab" read -r name file package old _; do
    warn "$file of $package is called as $old, which is built into Linux $release: the kernel has $name already, and may refuse to load another"
done

mkdir -p /out/out/lib/modules
cp -R --reflink=auto "/kernel-modules/lib/modules/$release" /out/out/lib/modules/
chmod -R u+w /out/out
if [ -e /build/replaced ]; then
    while read -r file; do rm "/out/out/$file"; done < /build/replaced
fi
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
echo "search $order" > /build/depmod.conf
failed=
if [ -e /kernel/System.map ]; then set -- -F /kernel/System.map; else set -- -E "/kernel/lib/modules/$release/build/Module.symvers"; fi
depmod -C /build/depmod.conf -b /out/out -e "$@" "$release" > /build/said 2>&1 || failed=$?
cat /build/said
unknown=$(sed -n 's/.*WARNING: .*\/\([^/]*\) needs unknown symbol \(.*\)/\1 needs \2/p' /build/said | sort -u | tr '\n' ',' | sed 's/,$//; s/,/, /g')
if [ -n "$unknown" ]; then
    fail symbols "modules need symbols that neither Linux $release nor another module has: $unknown" "build them for this kernel, and add those that they depend on"
fi
cycle=$(sed -n 's/.*ERROR: Cycle detected: //p' /build/said | head -n 1)
if [ -n "$cycle" ]; then
    fail cycle "modules need each other, and none can be loaded first: $cycle" "take out of one what it uses of the other"
fi
if [ -n "$failed" ]; then
    fail index "depmod failed with exit code $failed: $(grep . /build/said | tail -n 1 | tr -d '\\"' | tr '[:cntrl:]' ' ')" "the modules of this kernel, or one of those that were added, cannot be indexed"
fi
