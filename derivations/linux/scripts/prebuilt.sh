# Take the kernel of release $1 out of the unpacked Debian package /package, which is called $3, and index its modules.
#
# The image is called $2 in `out`, as one that is built here. Images and modules are copied as they are: with their
# signatures, and compressed if they are. Leaves the outputs out and modules.
set -eu

release=$1
image=$2
package=$3

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

# What is on stdin, without what JSON would read otherwise.
plain() {
    tr -d '\\"' | tr '[:cntrl:]' ' ' | sed 's/ *$//'
}

# Print the first of the other arguments that exists.
first_of() {
    for place in "$@"; do
        if [ -e "$place" ]; then echo "$place"; return; fi
    done
}

boot=$(first_of "/package/boot/vmlinuz-$release" "/package/boot/vmlinux-$release")
tree=$(first_of "/package/lib/modules/$release" "/package/usr/lib/modules/$release")
if [ -z "$boot" ] || [ ! -e "/package/boot/config-$release" ]; then
    fail package "$package has no kernel: there is no boot/vmlinuz-$release and boot/config-$release in it" \
        "name a package such as linux-image-cloud-amd64"
fi

mkdir -p /out/out /out/modules/lib/modules
cp --reflink=auto "$boot" "/out/out/$image"
cp --reflink=auto "/package/boot/config-$release" /out/out/config
if [ -d "/package/usr/lib/linux-image-$release" ]; then
    cp -R --reflink=auto "/package/usr/lib/linux-image-$release" /out/out/dtbs
fi
if [ -z "$tree" ]; then exit 0; fi # MODULES is not set

own=/out/modules/lib/modules/$release
cp -R --reflink=auto "$tree" "$own"
chmod -R u+w "$own"
rm -f "$own/build" "$own/source"
failed=
depmod -b /out/modules "$release" > /build/said 2>&1 || failed=$?
cat /build/said

# A depmod that cannot decompress a module says nothing, ends with 0 and leaves the module out.
(cd "$own" && find . -name '*.ko*' -type f) | sed 's|^\./||' | sort > /build/files
sed 's/:.*//' "$own/modules.dep" | sort > /build/indexed
comm -23 /build/files /build/indexed > /build/left-out
if [ -s /build/left-out ]; then
    fail index "depmod left $(wc -l < /build/left-out) of $(wc -l < /build/files) modules out, such as $(head -n 1 /build/left-out | plain): it cannot read them" \
        "the kmod of the lock's set gcc may lack their compression, as that of Debian 12 lacks gzip: use a lock of a newer release"
fi
broken=$(grep -m 1 'ERROR' /build/said | plain) || true
if [ -n "$failed" ] || [ -n "$broken" ]; then
    fail index "depmod cannot index the modules of $package: ${broken:-exit code $failed}" "the package is damaged"
fi
