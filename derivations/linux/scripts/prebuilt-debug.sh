# Take vmlinux and System.map of the kernel of release $1 out of the unpacked Debian package /package.
set -eu

for name in vmlinux System.map; do
    if [ ! -e "/package/usr/lib/debug/boot/$name-$1" ]; then
        printf '@kernix {"kind": "package", "error": "the package has no usr/lib/debug/boot/%s", "hint": "%s"}\n' \
            "$name-$1" "name the package with the debug information of this very kernel"
        exit 1
    fi
    mkdir -p /out/out
    cp --reflink=auto "/package/usr/lib/debug/boot/$name-$1" "/out/out/$name"
done
