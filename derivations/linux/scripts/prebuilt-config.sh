# Take the configuration of the kernel of release $1 out of the unpacked Debian package /package.
set -eu

if [ ! -e "/package/boot/config-$1" ]; then
    printf '@kernix {"kind": "package", "error": "the package has no boot/config-%s, so it has no kernel", "hint": "%s"}\n' \
        "$1" "name a package such as linux-image-cloud-amd64"
    exit 1
fi
cp --reflink=auto "/package/boot/config-$1" /out/out
