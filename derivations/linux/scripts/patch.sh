# Apply /patches/* in order to copies of the files of /src that they name.
#
# Leaves in /out/out the changed and new files, and in /out/removed the paths of those that are gone. A failure is one line for the realiser that names patch, file and hunk.
set -eu

work=/build/work
before=/build/before
mkdir -p "$work" /out/out
: > /build/named

fail() {
    printf '@kernix {"kind": "patch", "error": "%s", "hint": "%s"}\n' "$(escaped "$1")" "$2"
    exit 1
}

# What a file is called may have quotation marks, which end a text in JSON.
escaped() {
    printf '%s' "$1" | tr -d '[:cntrl:]' | sed 's/[\\"]/\\&/g'
}

plain() {
    case $(od -An -tx1 -N4 "$1" | tr -d ' ') in
        1f8b*) gzip -dc "$1" ;;
        425a68*) bzip2 -dc "$1" ;;
        fd377a58) xz -dc "$1" ;;
        28b52ffd) zstd -dcq "$1" ;;
        *) cat "$1" ;;
    esac
}

# The paths that a patch names, without their first component, as `patch -p1` takes them.
named() {
    awk '
        /^(---|\+\+\+) / { path = $0; sub(/^.... ?/, "", path); sub(/\t.*/, "", path) }
        /^(rename|copy) (from|to) / { path = "x/" substr($0, index($0, $3)) }
        path != "" {
            if (path != "/dev/null" && sub(/^[^\/]*\//, "", path)) print path
            path = ""
        }
    ' "$1" | sort -u
}

# The sentence for what `patch` said: the file that each failed hunk belongs to.
failures() {
    awk '
        /^(checking|patching) file / { file = substr($0, index($0, $3)) }
        /FAILED at/ { list = list sep file " hunk " substr($2, 2) " at line " ($5 + 0); sep = ", " }
        /^can.t find file to patch/ { list = list sep "a file that is not in the tree"; sep = ", " }
        /^The text leading up to this was/ { next }
        /^\|\+\+\+ / { sub(/^\|\+\+\+ [^\/]*\//, ""); sub(/\t.*/, ""); list = list " (" $0 ")" }
        END { print list == "" ? "it is no patch" : list }
    ' "$1"
}

for patch in /patches/*; do
    name=${patch#/patches/*-}
    plain "$patch" > /build/patch || fail "patch '$name' cannot be decompressed" "is the file whole?"
    named /build/patch > /build/files
    rm -rf "$before"
    mkdir "$before"
    while read -r file; do
        case /$file/ in */../*) fail "patch '$name' names a path outside of the tree: $file" "" ;; esac
        echo "$file" >> /build/named
        if [ ! -e "$work/$file" ] && [ -f "/src/$file" ] && ! grep -qxF "$file" /build/removed 2> /dev/null; then
            mkdir -p "$work/$(dirname "$file")"
            cp "/src/$file" "$work/$file"
            chmod u+w "$work/$file"
        fi
        if [ -f "$work/$file" ]; then
            mkdir -p "$before/$(dirname "$file")"
            cp "$work/$file" "$before/$file"
        fi
    done < /build/files
    # Not tried with --dry-run, which fails where a patch of several commits changes a file twice.
    if ! patch -d "$work" -p1 -f --no-backup-if-mismatch -i /build/patch > /build/said 2>&1; then
        cat /build/said
        if patch -d "$before" -p1 -f -R -i /build/patch > /dev/null 2>&1; then
            fail "patch '$name' is already in the tree" "leave it out"
        fi
        fail "patch '$name' does not apply: $(failures /build/said)" "the log has what patch said"
    fi
    cat /build/said
    sort -u /build/named | while read -r file; do
        if [ ! -e "$work/$file" ] && [ -e "/src/$file" ]; then echo "$file"; fi
    done > /build/removed
done

touch /build/removed
mv /build/removed /out/removed
cp -a "$work/." /out/out/
