#!/bin/busybox sh
# The init of a boot test: load the modules in /load-order, mount the disks in /disks, run /script, and report
# (`derivations.linux.expectation`).
#
# /modules lists the modules that were named. /disks has lines of a device and a place.
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
dmesg -n 1 # the kernel's own lines would break those below
finish() {
    printf '\nKERNIX-FACT release=%s\nKERNIX-FACT cmdline=%s\n' "$(uname -r)" "$(cat /proc/cmdline)"
    if [ -e /proc/modules ]; then printf 'KERNIX-FACT modules=%s\n' "$(cut -d ' ' -f 1 /proc/modules | sort | tr '\n' ' ' | sed 's/ $//')"; fi
    if [ -e /proc/config.gz ]; then printf 'KERNIX-FACT config=%s\n' "$(zcat /proc/config.gz | sha256sum | cut -d ' ' -f 1)"; fi
    printf 'KERNIX-FACT status=%s\nKERNIX-GUEST release=%s\n' "$1" "$(uname -r)"
    reboot -f
}
fail() {
    printf '\nKERNIX-FACT setup=%s\n' "$1"
    finish 1
}
if [ -e /load-order ]; then
    while read -r file; do
        if insmod "/lib/modules/$(uname -r)/$file"; then continue; fi
        # One that was not named, such as crc32c-intel, may be for another processor.
        name=${file##*/}
        if grep -qx "$(echo "${name%%.ko*}" | tr - _)" /modules; then fail "cannot load the module $file"; fi
    done < /load-order
fi
if [ -e /disks ]; then
    while read -r device place; do
        mount -o ro "$device" "$place" || fail "cannot mount the disk $device at $place"
    done < /disks
fi
mkdir -p /tmp
cd /
{ sh /script < /dev/null; echo $? > /status; } | sed 's/^/KERNIX-OUT /'
finish "$(cat /status)"
