# Boot /kernel with /initramfs under QEMU $1 and wait until its guest has said that it is there.
#
# $2 is the image's name, $3 the console, $4 the release that the guest must say.
set -eu

qemu=$1
image=$2
console=$3
release=$4

mkdir -p /out/out
# shellcheck disable=SC2086
{
    status=0
    $qemu -m 512 -smp 1 -nodefaults -no-user-config -display none -serial stdio -monitor none -no-reboot -net none \
        -kernel "/kernel/$image" -initrd /initramfs -append "console=$console panic=-1" < /dev/null 2>&1 || status=$?
    echo "$status" > /build/status
} | tr -d '\r' | tee /out/out/console.log
status=$(cat /build/status)

fail() {
    printf '@kernix {"kind": "boot", "error": "%s", "hint": "the console is in the log"}\n' "$1"
    exit 1
}

if [ "$status" != 0 ]; then fail "QEMU ended with status $status"; fi
said=$(sed -n 's/^KERNIX-GUEST release=//p' /out/out/console.log)
if [ -z "$said" ]; then fail "the guest never spoke"; fi
if [ "$said" != "$release" ]; then fail "the guest runs $said, and $release was built"; fi
