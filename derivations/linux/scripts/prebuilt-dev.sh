# Join Debian's packages for external modules of the kernel of release $1: /headers of its flavour, /common ones of the
# version, and the programs in /kbuild. The result looks as the output `dev` of a kernel that is built here.
set -eu

release=$1

fail() {
    printf '@kernix {"kind": "package", "error": "%s", "hint": "%s"}\n' "$1" "$2"
    exit 1
}

flavour=/headers/usr/src/linux-headers-$release
common=$(find /common/usr/src -mindepth 1 -maxdepth 1 -type d -name 'linux-headers-*')
programs=$(find /kbuild/usr/lib -mindepth 1 -maxdepth 1 -type d -name 'linux-kbuild-*')
for place in "$flavour/.config" "$flavour/Module.symvers" "$flavour/include/config/kernel.release" "$common/Makefile" "$programs/scripts/mod/modpost"; do
    if [ ! -e "$place" ]; then fail "the packages with the headers of Linux $release lack ${place#/*/}" "resolve the set again with \`kernix lock --update\`"; fi
done

dev=/out/out/lib/modules/$release
mkdir -p "$dev/source/arch"
cp -R --reflink=auto "$flavour" "$dev/build"
# The common headers are those of every architecture; arm64 includes some of arm.
for part in "$common"/*; do
    if [ "${part##*/}" != arch ]; then cp -R --reflink=auto "$part" "$dev/source/"; fi
done
case $SRCARCH in arm64) archs="arm64 arm" ;; *) archs=$SRCARCH ;; esac
for arch in $archs; do
    cp -R --reflink=auto "$common/arch/$arch" "$dev/source/arch/"
done
chmod -R u+w "$dev"
# Debian's makefiles and links have fixed places, name one compiler, and there set the release that this file lacks.
echo "$release" > "$dev/build/include/config/kernel.release"
rm -f "$dev"/build/.kernelvariables "$dev"/build/Makefile "$dev"/*/scripts "$dev"/*/tools
for part in scripts tools certs; do
    if [ -d "$programs/$part" ]; then
        cp -R --reflink=auto "$programs/$part" "$dev/build/$part"
        ln -s "../build/$part" "$dev/source/$part"
    fi
done
cat > "$dev/build/Makefile" << 'EOF'
self := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
export KBUILD_OUTPUT := $(self)
include $(realpath $(self)/../source)/Makefile
EOF
