#!/bin/busybox sh
# Find the root file system, check it, mount it, and start what is on it.
#
# The kernel's command line says what to do:
#
#   root=DEVICE | LABEL=… | UUID=… | PARTUUID=… | PARTLABEL=…    where the root file system is
#   rootfstype=TYPE  rootflags=OPTIONS  ro  rw                   how to mount it; ro if nothing is said
#   rootdelay=SECONDS  rootwait                                  how long to wait for it: 10 seconds if nothing is said
#   init=PROGRAM                                                 what to start; /sbin/init and the like if nothing is said
#   rd.luks.uuid=UUID  rd.luks.name=UUID=NAME                    unlock this device, as /dev/mapper/luks-UUID or NAME
#   rd.luks.key=FILE  rd.luks.options=discard                    with this key file of the initramfs; and how
#   cryptdevice=DEVICE:NAME[:allow-discards]  cryptkey=rootfs:FILE   the same, as other distributions have it
#   rd.lvm.vg=GROUP  rd.lvm.lv=GROUP/VOLUME                      activate these logical volumes
#   break=top|modules|premount|mount|bottom|init                 open a shell before that step
#   fsck.mode=skip|auto|force                                    whether to check it
#   panic=SECONDS                                                on failure restart, and open no shell
#   debug                                                        print every command
#
# `modules.autoload` lists modules to load first. Other drivers are loaded for the devices that the machine has.
# Anything here can be replaced: make_initramfs(kernel, init="my-init").

export PATH=/sbin:/bin:/usr/sbin:/usr/bin

say() { echo "initramfs: $*"; }

# BusyBox' shell finds its other programs by /proc/self/exe: until that is there, only by the full name.
/bin/busybox mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t devtmpfs -o mode=755 dev /dev 2> /dev/null || mdev -s
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t tmpfs -o nosuid,nodev,mode=755 run /run 2> /dev/null
mkdir -p /run/initramfs /root

root= type= flags= mode=ro delay= wait= init= break= check=auto panic= debug=
crypt= key= discard= groups= volumes=
set -f # a pattern on the command line is not one of files
for word in $(cat /proc/cmdline); do
    case $word in
        root=*) root=${word#root=} ;;
        rootfstype=*) type=${word#rootfstype=} ;;
        rootflags=*) flags=${word#rootflags=} ;;
        rootdelay=*) delay=${word#rootdelay=} ;;
        rootwait) wait=1 ;;
        ro | rw) mode=$word ;;
        init=*) init=${word#init=} ;;
        rd.luks.uuid=*) word=${word#rd.luks.uuid=} && word=${word#luks-} && crypt="$crypt UUID=$word:luks-$word" ;;
        rd.luks.name=*=*) word=${word#rd.luks.name=} && crypt="$crypt UUID=${word%%=*}:${word#*=}" ;;
        rd.luks.key=*) key=${word#rd.luks.key=} ;;
        rd.luks.options=*discard*) discard=--allow-discards ;;
        cryptdevice=*:*:*allow-discards*) discard=--allow-discards && word=${word#cryptdevice=} && crypt="$crypt ${word%:*}" ;;
        cryptdevice=*:*) crypt="$crypt ${word#cryptdevice=}" ;;
        cryptkey=rootfs:*) key=${word#cryptkey=rootfs:} ;;
        rd.lvm.vg=*) groups="$groups ${word#rd.lvm.vg=}" ;;
        rd.lvm.lv=*) volumes="$volumes ${word#rd.lvm.lv=}" ;;
        break) break=premount ;;
        break=*) break=${word#break=} ;;
        fsck.mode=*) check=${word#fsck.mode=} ;;
        panic=*) panic=${word#panic=} ;;
        debug) debug=1 ;;
    esac
done
set +f
if [ -n "$debug" ]; then set -x; fi
case $delay in *[!0-9]*) delay= ;; esac

# Open a shell, because of $*. When it ends, the next thing is tried.
shell() {
    say "$*"
    if [ -n "$panic" ]; then
        say "restarting, because of panic=$panic"
        case $panic in [1-9]*) sleep "$panic" ;; esac
        reboot -f
    fi
    say "this is a shell; \`exit\` goes on"
    setsid cttyhack sh -i
}

# Whether something is mounted on $1.
mounted() { grep -q " $1 " /proc/mounts; }

# Stop before the step $1, if the command line asks for it.
pause() { case ",$break," in *",$1,"*) panic= shell "stopped before $1" ;; esac; }
for word in $(echo "$break" | tr , ' '); do
    case $word in
        top | modules | premount | mount | bottom | init) ;;
        *) say "break=$word is unknown: it may be top, modules, premount, mount, bottom or init" ;;
    esac
done

# Load the modules that $@, names or aliases, stand for. BusyBox knows nothing of softdeps: what a module
# wants to have before it is loaded before it.
load() {
    if [ ! -e "$modules/modules.dep" ]; then return; fi
    if [ -n "$softdeps" ]; then
        # -D prints one `insmod FILE` a line, dependencies first.
        for name in $(modprobe -D -a -b -q "$@" 2> /dev/null | sed -n 's/^insmod .*\/\([^/ ]*\)\.ko.*/\1/; y/-/_/; p'); do
            case $softdeps in
                *" $name "*)
                    # shellcheck disable=SC2046
                    modprobe -a -b -q $(sed -n "/^softdep $name /{ s/.*pre: *//; s/post:.*//; p; }" "$modules/modules.softdep")
                    ;;
            esac
        done
    fi
    modprobe -a -b -q "$@"
}
export DM_DISABLE_UDEV=1 # there is no udev to wait for
modules=/lib/modules/$(uname -r)
softdeps=" $(sed -n 's/^softdep \([^ ]*\) .*pre:.*/\1/p' "$modules/modules.softdep" 2> /dev/null | tr '\n' ' ')"

# Load the drivers of all devices that the machine has, and of those that appear because of them.
coldplug() {
    for _ in 1 2 3 4 5 6 7 8; do
        find /sys/devices -name modalias -exec cat {} + 2> /dev/null | sort -u > /run/initramfs/found
        touch /run/initramfs/known
        new=$(awk 'FILENAME == ARGV[1] { known[$0]; next } !($0 in known)' /run/initramfs/known /run/initramfs/found)
        if [ -z "$new" ]; then return; fi
        cp /run/initramfs/found /run/initramfs/known
        # shellcheck disable=SC2086
        load $new
    done
}

# The hexadecimal digits of $3 bytes of the file $1, from $2 on.
bytes() { dd if="$1" bs=1 skip="$2" count="$3" 2> /dev/null | hexdump -v -e '1/1 "%02x"'; }

# Print the device of the partition whose $1, PARTUUID or PARTLABEL, is $2.
partition() {
    for path in /sys/class/block/*/partition; do
        path=${path%/partition}
        name=${path##*/}
        if [ "$1" = PARTLABEL ]; then
            if grep -qxF "PARTNAME=$2" "$path/uevent"; then echo "/dev/$name" && return; fi
            continue
        fi
        number=$(cat "$path/partition")
        disk=$(readlink -f "$path/..")
        disk=/dev/${disk##*/}
        size=$(cat "$path/../queue/logical_block_size" 2> /dev/null || echo 512)
        # The disk has a GPT (UEFI 5.3: the header is in the second block), or an MBR with a signature of its own.
        if [ "$(bytes "$disk" "$size" 8)" = 4546492050415254 ]; then
            entry=$((size * 2 + (number - 1) * 128))
            raw=$(bytes "$disk" $((entry + 16)) 16)
            # The first three numbers of a GUID are little-endian.
            id=$(echo "$raw" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(....\)/\4\3\2\1-\6\5-\8\7-\9-/')
        else
            raw=$(bytes "$disk" 440 4)
            id=$(echo "$raw" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/')-$(printf %02x "$number")
        fi
        if [ "$id" = "$(echo "$2" | tr A-F a-f)" ]; then echo "/dev/$name" && return; fi
    done
    return 1
}

# Print the device that $1, the value of root=, stands for, if it is there.
device() {
    case $1 in
        PARTUUID=* | PARTLABEL=*) partition "${1%%=*}" "${1#*=}" ;;
        LABEL=* | UUID=*) findfs "$1" 2> /dev/null ;;
        *) if [ -b "$1" ]; then echo "$1"; fi ;;
    esac
}

# Whether $1 begins as an encrypted device does (LUKS2 On-Disk Format Specification, 2.1; LUKS1 has the same).
encrypted() { [ "$(bytes "$1" 0 6)" = 4c554b53babe ]; }

# Print the encrypted device whose UUID is $1.
container() {
    for path in /sys/class/block/*; do
        name=/dev/${path##*/}
        if encrypted "$name" && [ "$(dd if="$name" bs=1 skip=168 count=40 2> /dev/null | tr -d '\0')" = "$1" ]; then
            echo "$name" && return
        fi
    done
    return 1
}

# Unlock the devices in $crypt that are there and not yet unlocked: with the key file, or a passphrase from the console.
unlock() {
    for word in $crypt; do
        name=${word##*:} container=${word%:*} tries=0
        if [ -e "/dev/mapper/$name" ]; then continue; fi
        case $container in
            UUID=*) container=$(container "${container#UUID=}") ;;
            *) container=$(device "$container") ;;
        esac
        if [ -z "$container" ]; then continue; fi
        if [ ! -x /sbin/cryptsetup ]; then
            shell "$container is encrypted, and this initramfs has no cryptsetup: make it with programs=[…, 'cryptsetup']"
            continue
        fi
        load dm_mod dm_crypt
        if [ -n "$key" ] && [ ! -f "$key" ]; then say "there is no key file $key"; fi
        if [ -f "$key" ] && cryptsetup open $discard --key-file "$key" "$container" "$name"; then continue; fi
        until cryptsetup open $discard --tries 1 "$container" "$name"; do
            tries=$((tries + 1))
            if [ "$tries" -ge 3 ]; then shell "cannot unlock $container" && break; fi
        done
    done
}

# Activate the logical volumes in $groups and $volumes that are there.
activate() {
    if [ -z "$groups$volumes" ]; then return; fi
    if [ ! -x /sbin/lvm ]; then
        say "this initramfs has no lvm: make it with programs=[…, 'lvm']"
        return
    fi
    load dm_mod
    mkdir -p /run/lock/lvm
    for word in $volumes; do [ -e "/dev/$word" ] || lvm lvchange -qq -ay --sysinit "$word" 2> /dev/null; done
    for word in $groups; do [ -e "/dev/$word" ] || lvm vgchange -qq -ay --sysinit "$word" 2> /dev/null; done
}

# Print the type of the file system on $1, by the numbers that each has at its place.
type_of() {
    case $(bytes "$1" 0 4) in
        68737173) echo squashfs && return ;;
        58465342) echo xfs && return ;;
    esac
    if [ "$(bytes "$1" 1080 2)" = 53ef ]; then echo ext4 && return; fi
    case $(bytes "$1" 1024 4) in
        e2e1f5e0) echo erofs && return ;;
        1020f5f2) echo f2fs && return ;;
    esac
    if [ "$(bytes "$1" 65600 8)" = 5f42485266535f4d ]; then echo btrfs && return; fi
    case $(bytes "$1" 510 2)$(bytes "$1" 82 5) in
        55aa4641543332) echo vfat && return ;;
    esac
    return 1
}

# Check the file system of the type $2 on $1. What fsck has mended is no failure (fsck(8): 1, and 2 for one that is mounted).
check() {
    if [ "$check" = skip ] || [ ! -x "/sbin/fsck.$2" ]; then return; fi
    if [ "$check" = force ]; then set -- "$1" "$2" -f; else set -- "$1" "$2"; fi
    "/sbin/fsck.$2" -p ${3:+"$3"} "$1"
    result=$?
    if [ "$result" -ge 4 ]; then shell "fsck.$2 could not repair $1 (exit code $result)"; fi
    case $result in 1 | 2 | 3) say "fsck.$2 has mended $1" ;; esac
}

# Whether the root file system has the program $1; a link may lead to what is only right after the hand-over.
has() { [ -x "/root$1" ] || [ -L "/root$1" ]; }

pause top
pause modules
if [ -f /modules.autoload ]; then
    set -f
    # shellcheck disable=SC2046
    load $(sed 's/#.*//' /modules.autoload)
    set +f
fi
coldplug

# Wait for the root file system that $root stands for, and set $found to its device. A person may write another one to the file.
find_root() {
    if [ -n "$delay" ]; then left=$delay; else left=10; fi
    left=$((left * 5))
    while :; do
        if [ -e /run/initramfs/root ]; then read -r root < /run/initramfs/root && rm /run/initramfs/root; fi
        unlock
        activate
        if [ -z "$root" ]; then
            shell "the command line has no root=: write it to /run/initramfs/root"
        elif found=$(device "$root") && [ -n "$found" ]; then
            return
        elif [ "$left" -le 0 ] && [ -z "$wait" ]; then
            say "devices: $(cd /sys/class/block && echo *)"
            case $root in
                UUID=*)
                    if [ -n "$(container "${root#UUID=}")" ]; then
                        say "$root is an encrypted device: unlock it by rd.luks.uuid=${root#UUID=}, and let root= name what is in it"
                    fi
                    ;;
            esac
            shell "there is no $root: write another one to /run/initramfs/root"
            left=5
        fi
        left=$((left - 1))
        sleep 0.2
        coldplug
    done
}

pause premount
find_root
pause mount
while ! mounted /root; do
    kind=$type
    if [ -z "$kind" ]; then kind=$(type_of "$found"); fi
    if [ -z "$kind" ] && encrypted "$found"; then say "$found is encrypted: rd.luks.uuid= or cryptdevice= unlocks it"; fi
    if [ -n "$kind" ]; then
        load "fs-$kind" "$kind"
        check "$found" "$kind"
    fi
    if [ ! -e /run/initramfs/root ]; then
        mount ${kind:+-t "$kind"} -o "$mode${flags:+,$flags}" "$found" /root && break
        shell "cannot mount $found with the options $mode${flags:+,$flags}${kind:+; its file system is $kind, whose module may be missing here}"
    fi
    find_root
done

pause bottom
while :; do
    for program in $init /sbin/init /etc/init /bin/init /bin/sh; do
        if has "$program"; then break 2; fi
        if [ -n "$init" ]; then break; fi
    done
    shell "the root file system has no ${init:-init}"
done
pause init
for place in dev sys run proc; do # proc last, for the reason above
    if mounted "/$place"; then
        if [ -d "/root/$place" ]; then mount -o move "/$place" "/root/$place"; else umount -l "/$place"; fi
    fi
done
exec /bin/busybox switch_root /root "$program" "$@"
