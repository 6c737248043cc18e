# Boot /kernel with /initramfs under QEMU $1 and wait until its guest has said that it is there.
#
# $2 is the image's name, $3 the console, $4 the release that the guest must say, $5 the options without which it
# cannot say it, $6 how patient to be with KVM and $7 with emulation: `FIRST QUIET WHOLE`, in seconds; $8 the guest's
# memory in MiB, $9 further words of its command line. The files in /disks, if any, are its disks.
#
# A /dev/kvm that can be opened may still refuse, hang or break a guest, and nothing shows that but the very kernel. So
# with KVM only success counts: whatever else comes of it, the boot starts again with emulation, and that one counts.
set -eu

qemu=$1
image=$2
console=$3
release=$4
options=$5
memory=$8
append="console=$console panic=-1${9:+ $9}"
# On a busy host an emulated timer may be too late for Linux' check of it, which then panics.
case $qemu in *-x86_64 | *-i386) append="$append no_timer_check" ;; esac

report() {
    printf '@kernix {"kind": "boot", "error": "%s", "hint": "%s"}\n' "$1" "$2"
    exit 1
}

# Without what JSON would read otherwise.
plain() {
    tr -cd '[:print:]' | tr -d '"\\'
}

# What is listed as a module, or not set, shows before a boot that would say nothing. An option that is missing may have another name.
lacks=
off=
for option in $options; do
    if grep -qE "^(CONFIG_$option=[^y]|# CONFIG_$option is not set)" /kernel/config; then off="$off $option"; fi
    if ! grep -q "^CONFIG_$option=y" /kernel/config; then lacks="$lacks $option"; fi
done
if [ -n "$off" ]; then
    report "the guest could not say that it is there: the kernel is configured without$off" \
        "a boot here needs these options, built in"
fi

# The words for the disks: what the guest writes to them goes to /build.
set_disks() {
    disks=
    for disk in /disks/*; do
        if [ ! -e "$disk" ]; then return; fi
        if [ ! -f "$disk" ]; then report "disk ${disk##*/} is a directory, not the image of a disk" "make_root_disk makes one of a tree"; fi
        case $(head -c 3 "$disk") in QFI) format=qcow2 ;; *) format=raw ;; esac
        disks="$disks -drive if=none,id=disk${disk##*/},format=$format,file=$disk,snapshot=on -device virtio-blk,drive=disk${disk##*/}"
    done
}
export TMPDIR=/build
set_disks

# The lines of the console from the first failure of the kernel on.
failure() {
    tr -d '\r' < /build/console | sed -n '/Kernel panic\|BUG:\|Oops\|general protection fault\|unable to handle/,$p' |
        grep -a . | cut -c 1-300
}

# End the machine that runs as /build/pid if its console stays empty for $1 seconds, falls silent for $2, or $3 are over.
watch() {
    seconds=0
    silent=0
    size=0
    while sleep 1; do
        seconds=$((seconds + 1))
        silent=$((silent + 1))
        now=$(wc -c < /build/console)
        if [ "$now" != "$size" ]; then
            size=$now
            silent=0
        fi
        if [ "$size" = 0 ] && [ "$seconds" -ge "$1" ]; then
            echo "the console showed nothing within $1 seconds"
        elif [ "$size" != 0 ] && [ "$silent" -ge "$2" ]; then
            echo "the console fell silent for $2 seconds"
        elif [ "$seconds" -ge "$3" ]; then
            echo "the machine still ran after $3 seconds"
        else
            continue
        fi > /build/reason
        kill -KILL "$(cat /build/pid)"
        return
    done
}

# Boot with the accelerator $1 and the patience $2 to $4; say in $reason what went wrong, if anything.
boot() {
    echo "accelerator: $1"
    rm -f /build/pid /build/status /build/reason
    : > /build/console
    {
        # shellcheck disable=SC2086
        $qemu -accel "$1" -m "$memory" -smp 1 -nodefaults -no-user-config -display none -serial stdio -monitor none -no-reboot \
            -net none $disks -kernel "/kernel/$image" -initrd /initramfs -append "$append" < /dev/null 2> /build/errors &
        echo $! > /build/pid
        status=0
        wait $! || status=$?
        echo "$status" > /build/status
    } | tee /build/console &
    machine=$!
    watch "$2" "$3" "$4" > /dev/null 2>&1 &
    watcher=$!
    wait "$machine" || true
    kill "$watcher" 2> /dev/null || true
    cat /build/errors >&2

    status=$(cat /build/status)
    told=$(tr -d '\r' < /build/console | sed -n 's/^KERNIX-GUEST release=//p')
    if [ "$status" != 0 ] && [ -s /build/reason ]; then
        reason=$(cat /build/reason)
    elif [ "$status" != 0 ]; then
        # Without what JSON would read otherwise.
        reason="QEMU ended with status $status: $(tail -n 1 /build/errors | tr -cd '[:print:]' | tr -d '"\\\\')"
        reason=${reason%: }
    elif [ -z "$told" ]; then
        reason="the guest ended without saying that it is there"
        status=guest
    elif [ "$told" != "$release" ]; then
        reason="the guest runs another release than $release"
        status=guest
    else
        reason=
    fi
    if [ -n "$reason" ] && panic=$(failure | head -n 1 | sed 's/^\[ *[0-9.]*\] *//' | plain) && [ -n "$panic" ]; then
        reason="the guest's kernel failed: $panic"
    fi
}

kvm=
if [ -e /dev/kvm ]; then
    # shellcheck disable=SC2086
    boot kvm $6
    if [ -n "$reason" ]; then
        kvm=$reason
        if [ "$status" != guest ]; then broken=1; else broken=; fi
        printf '@kernix {"warning": "%s"}\n' "with KVM $kvm, so the boot starts again with emulation, which is slower"
    fi
else
    reason=untried
fi
if [ -n "$reason" ]; then
    # shellcheck disable=SC2086
    boot tcg $7
    # A guest that came to an end of its own may have done so for its own reasons; a machine that did not is KVM's doing.
    if [ -z "$reason" ] && [ -n "$kvm" ] && [ -n "$broken" ]; then printf '@kernix {"kvm": "%s"}\n' "$kvm"; fi
fi
mkdir -p /out/out
tr -d '\r' < /build/console > /out/out/console.log

if [ -z "$reason" ]; then exit 0; fi
# Last in the log, so that it is what the failure shows.
failure > /build/failure
if [ -s /build/failure ]; then
    echo "the guest's console:"
    head -n 24 /build/failure
fi
if [ -n "$lacks" ]; then hint="the kernel lacks what a boot here needs:$lacks"; else hint="the console is in the log"; fi
if [ -n "$kvm" ]; then reason="$reason (and with KVM, before: $kvm)"; fi
report "$reason" "$hint"
