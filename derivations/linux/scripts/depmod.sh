# Index the modules in /closure, all of them together; $1 is the kernel's release.
#
# depmod that was built without a compression reads no module that has it, writes empty lists, and exits with 0. So the
# modules are counted: in the directory, and in modules.dep.
set -eu

release=$1

fail() {
    printf '@kernix {"kind": "index", "error": "%s", "hint": "%s"}\n' "$1" "$2"
    exit 1
}

if ! [ -d "/closure/lib/modules/$release" ]; then
    fail "the tree of modules is of Linux $(ls /closure/lib/modules), not of $release" "take the modules of this kernel"
fi
mkdir -p /out/out
cp -R --reflink=auto /closure/. /out/out/
chmod -R u+w /out/out
cd "/out/out/lib/modules/$release"
echo 'search updates extra built-in' > /build/depmod.conf # as for kernels with external modules
failed=
depmod -C /build/depmod.conf -b /out/out "$release" > /build/said 2>&1 || failed=$?
cat /build/said
if [ -n "$failed" ]; then
    fail "depmod failed with exit code $failed: $(grep . /build/said | tail -n 1 | tr -d '\\"' | tr '[:cntrl:]' ' ')" "the modules of this kernel cannot be indexed"
fi
files=$(find . -name '*.ko*' -type f | wc -l)
listed=$(grep -c . modules.dep || true)
if [ "$files" != "$listed" ]; then
    fail "depmod listed $listed of $files modules: it cannot read the others" "if they are compressed, decompress=True makes a closure without compression"
fi
