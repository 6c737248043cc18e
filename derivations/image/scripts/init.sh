#!/bin/busybox sh
# Find the root file system, check it, mount it, and start what is on it.
#
# The kernel's command line says what to do:
#
#   root=DEVICE | LABEL=… | UUID=… | PARTUUID=… | PARTLABEL=…    where the root file system is
#   rootfstype=TYPE  rootflags=OPTIONS  ro  rw                   how to mount it; ro if nothing is said
#   rootdelay=SECONDS  rootwait                                  how long to wait for it: 10 seconds if nothing is said
#   init=PROGRAM                                                 what to start; /sbin/init and the like if nothing is said
#   break=top|modules|mount|init                                 open a shell before that step
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
        break) break=mount ;;
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
pause() { if [ "$break" = "$1" ]; then panic= shell "stopped before $1"; fi; }

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
}

# Whether the root file system has the program $1; a link may lead to what is only right after the hand-over.
has() { [ -x "/root$1" ] || [ -L "/root$1" ]; }

pause top
pause modules
if [ -f /modules.autoload ]; then
    # shellcheck disable=SC2046
    load $(sed 's/#.*//' /modules.autoload)
fi
coldplug

pause mount
if [ -n "$delay" ]; then left=$delay; else left=10; fi
left=$((left * 5))
while :; do
    if [ -z "$root" ]; then
        shell "the command line has no root=: write it to /run/initramfs/root"
    elif found=$(device "$root") && [ -n "$found" ]; then
        break
    elif [ "$left" -le 0 ] && [ -z "$wait" ]; then
        say "devices: $(cd /sys/class/block && echo *)"
        shell "there is no $root: write another one to /run/initramfs/root"
        left=5
    fi
    if [ -e /run/initramfs/root ]; then read -r root < /run/initramfs/root; fi
    left=$((left - 1))
    sleep 0.2
    coldplug
done
while ! mounted /root; do
    if [ -z "$type" ]; then type=$(type_of "$found"); fi
    if [ -n "$type" ]; then
        load "fs-$type" "$type"
        check "$found" "$type"
    fi
    mount ${type:+-t "$type"} -o "$mode${flags:+,$flags}" "$found" /root && break
    shell "cannot mount $found with the options $mode${flags:+,$flags}${type:+; its file system is $type, whose module may be missing here}"
done

pause init
while :; do
    for program in $init /sbin/init /etc/init /bin/init /bin/sh; do
        if has "$program"; then break 2; fi
        if [ -n "$init" ]; then break; fi
    done
    shell "the root file system has no ${init:-init}"
done
for place in dev sys run proc; do # proc last, for the reason above
    if mounted "/$place"; then
        if [ -d "/root/$place" ]; then mount -o move "/$place" "/root/$place"; else umount -l "/$place"; fi
    fi
done
exec /bin/busybox switch_root /root "$program" "$@"
