# Boot /kernel with /initramfs under QEMU $1 and wait until its guest has said that it is there.
#
# $2 is the image's name, $3 the console, $4 the release that the guest must say.
set -eu

qemu=$1
image=$2
console=$3
release=$4

# A /dev/kvm that can be opened may still hang every guest. So it is used only after a boot sector has run
# with it: it writes 16 to the debug exit port, which makes QEMU end with 33 (hw/misc/debugexit.c: value * 2 + 1).
accelerator=tcg
if [ -e /dev/kvm ]; then
    { printf '\272\001\005\260\020\356\364\353\375' && head -c 501 /dev/zero && printf '\125\252'; } > /build/sector
    probe=0
    timeout -s KILL 5 "${qemu%% *}" -accel kvm -m 16 -nodefaults -no-user-config -display none -net none \
        -device isa-debug-exit -drive file=/build/sector,format=raw,if=ide < /dev/null || probe=$?
    if [ "$probe" = 33 ]; then accelerator=kvm; fi
fi
echo "accelerator: $accelerator"

mkdir -p /out/out
# shellcheck disable=SC2086
{
    status=0
    $qemu -accel $accelerator -m 512 -smp 1 -nodefaults -no-user-config -display none -serial stdio -monitor none -no-reboot -net none \
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
