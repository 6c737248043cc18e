# Make a disk image of /tree, or of its directory $1, in the file /out/out: the same bytes for the same tree.
#
# $2 is the format, `raw` or `qcow2`; $3 the file system; $4 its compression, or nothing; $5 its label, or nothing; $6 its
# UUID; $7 how many bytes are to be free in it, 0 if it is only read. $8 lists directories to make if the tree does not
# have them. The other arguments are paths in the image and their modes. /config or /kernel/config, if given, is the
# configuration of the kernel that reads it.
#
# Times, owners and modes say nothing about a tree in the store. All are set here: 1970, root, and 0755 or 0644.
set -eu

directory=$1
format=$2
filesystem=$3
compression=$4
label=$5
uuid=$6
free=$7
directories=$8
shift 8
block=4096
export LC_ALL=C TZ=UTC E2FSPROGS_FAKE_TIME=1 MKE2FS_CONFIG=/dev/null

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

# Ask the kernel's configuration for the option $1, without which it cannot read $2.
needs() {
    if ! grep -q "^CONFIG_$1=[ym]$" "$config"; then
        fail option "the kernel cannot read $2: it is configured without $1" \
            "override it with extra_config={\\\"$1\\\": YES}, or choose another file system or compression"
    fi
}

config=/config
if [ ! -e "$config" ]; then config=/kernel/config; fi
if [ -e "$config" ]; then
    case $filesystem in
        ext4) needs EXT4_FS ext4 ;;
        squashfs) needs SQUASHFS squashfs ;;
        erofs) needs EROFS_FS EROFS ;;
    esac
    case $filesystem-$compression in
        squashfs-gzip) needs SQUASHFS_ZLIB "squashfs with gzip" ;;
        squashfs-lz4) needs SQUASHFS_LZ4 "squashfs with lz4" ;;
        squashfs-xz) needs SQUASHFS_XZ "squashfs with xz" ;;
        squashfs-zstd) needs SQUASHFS_ZSTD "squashfs with zstd" ;;
        erofs-*?) needs EROFS_FS_ZIP "EROFS with $compression" ;;
    esac
fi

umask 022
tree=/build/tree
mkdir "$tree"
if [ ! -d "/tree/$directory" ]; then fail missing "the tree has no directory $directory" "a disk is made of a directory"; fi
cp -R -P --reflink=auto "/tree/$directory/." "$tree/"
chmod -R u=rwX,go=rX "$tree"
# Of modules: links to where the kernel was built, which nobody who reads the disk has.
if [ "$directory" = lib/modules ]; then rm -f "$tree"/*/build "$tree"/*/source; fi
for name in $directories; do mkdir -p "$tree/$name"; done
while [ $# -gt 0 ]; do
    if [ -L "$tree/$1" ] || [ ! -e "$tree/$1" ]; then
        fail missing "there is no file or directory $1 on the disk, so it cannot have the mode $2" "leave it out of modes"
    fi
    chmod "$2" "$tree/$1"
    shift 2
done

# How many blocks the files of $tree take, and how many inodes. A directory is estimated by the length of its names.
measure() {
    find "$tree" -printf '%y %s %f\n' | awk -v block="$block" '
        $1 == "f" { blocks += int(($2 + block - 1) / block) }
        $1 == "l" && $2 >= 60 { blocks++ }
        $1 == "d" { blocks++ }
        { inodes++; names += 16 + length($0) }
        END { print blocks + int(names * 1.5 / block), inodes }'
}

ext4() {
    # Of the features, those that every kernel since 4.x can write. The journal is of use only for what is written.
    features=none,filetype,extent,ext_attr,dir_index,sparse_super,large_file,huge_file,flex_bg,dir_nlink,extra_isize
    features=$features,64bit,metadata_csum
    journal=0
    set -- $(measure)
    inodes=$(($2 + 16 + free / 16384))
    blocks=$(($1 + (free + block - 1) / block))
    if [ "$free" != 0 ]; then
        if [ "$blocks" -lt 65536 ]; then journal=4; else journal=16; fi # MiB
        features=$features,has_journal
    fi
    blocks=$((blocks + inodes / (block / 256) + journal * 256 + 64))
    blocks=$((blocks + blocks / 64 + (blocks / 32768 + 1) * 8))
    tries=0
    while :; do
        blocks=$(((blocks + 255) / 256 * 256)) # whole MiB
        rm -f /build/disk
        if [ "$journal" = 0 ]; then set --; else set -- -J "size=$journal"; fi
        if mke2fs -q -F -t ext4 -b "$block" -I 256 -i 65536 -N "$inodes" -m 0 -O "$features" -L "$label" -U "$uuid" \
            -E "hash_seed=$uuid,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard" -M / "$@" \
            -d "$tree" /build/disk "$blocks" > /build/said 2>&1; then
            break
        fi
        tries=$((tries + 1))
        if [ "$tries" = 8 ] || ! grep -qiE 'no space|allocate|too small|no free' /build/said; then
            cat /build/said
            fail tool "mke2fs failed: $(grep . /build/said | tail -n 1 | tr -d '\\"' | tr '[:cntrl:]' ' ')" "the log has all of it"
        fi
        blocks=$((blocks + blocks / 8))
    done
    # mke2fs takes owners and times from the files that it reads. Their ctime and atime cannot be set, so they are set
    # in the image, in each inode that is in use: the root, and what follows the reserved ones.
    dumpe2fs /build/disk 2> /dev/null | awk '
        /^Inode count:/ { count = $3 }
        /^  Free inodes: / {
            sub(/.*: /, ""); n = split($0, ranges, ", ")
            for (i = 1; i <= n; i++) { split(ranges[i], ends, "-"); gaps[ends[1]] = ends[2] == "" ? ends[1] : ends[2] }
        }
        function set(inode, field, value) { print "set_inode_field <" inode "> " field " " value }
        END {
            for (inode = 2; inode <= count; inode++) {
                if (inode in gaps) { inode = gaps[inode]; continue }
                if (inode > 2 && inode < 11) continue
                set(inode, "uid", 0); set(inode, "gid", 0)
                set(inode, "atime", "@1"); set(inode, "ctime", "@1"); set(inode, "mtime", "@1"); set(inode, "crtime", "@1")
            }
        }' > /build/times
    debugfs -w -f /build/times /build/disk > /build/said 2>&1
    e2fsck -fn /build/disk > /build/said 2>&1 || {
        cat /build/said
        fail tool "e2fsck finds errors in the new file system" "the log has them"
    }
}

case $filesystem in
    ext4) ext4 ;;
    squashfs)
        if [ -n "$compression" ]; then set -- -comp "$compression"; else set -- -noI -noD -noF -noX; fi
        mksquashfs "$tree" /build/disk -noappend -no-xattrs -all-root -mkfs-time 0 -all-time 1 -no-progress -quiet "$@"
        ;;
    erofs)
        set --
        if [ -n "$compression" ]; then set -- "-z$compression"; fi
        mkfs.erofs -x-1 -T1 -U "$uuid" --all-root "$@" /build/disk "$tree"
        ;;
esac

if [ "$format" = raw ]; then
    cp --sparse=always /build/disk /out/out
else
    # Not -W: out of order is faster, and differs from run to run.
    qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd /build/disk /out/out
fi
