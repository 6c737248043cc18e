# Copy of the modules of a kernel, /kernel-modules, those that are named, with all that they depend on, and index them.
#
# $1 is the kernel's release; each other argument is the name of a module, or a file, directory or pattern below
# lib/modules/$1/kernel. What is built in is not copied, and no error.
set -eu

release=$1
shift
from=/kernel-modules/lib/modules/$release
to=/out/out/lib/modules/$release

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

for needed in modules.dep modules.builtin modules.alias modules.softdep; do
    if [ ! -e "$from/$needed" ]; then fail index "the modules of Linux $release have no $needed" "run depmod on them"; fi
done

# The files below kernel/ that the arguments stand for, by name or by path; and the names that stay.
: > /build/wanted
cd "$from/kernel" 2> /dev/null || cd "$from"
for word in "$@"; do
    case $word in
        */* | *.ko | *.ko.* | *[*?]*) ;;
        *)
            if [ ! -d "$word" ]; then
                echo "$word" >> /build/wanted
                continue
            fi
            ;;
    esac
    found=
    for path in $word $word.xz $word.zst $word.gz; do
        if [ -e "$path" ]; then
            found=1
            find "$path" -name '*.ko*' -type f -printf 'kernel/%p\n' >> /build/wanted
        fi
    done
    # A file that this kernel does not have may be built in: then its name is known.
    if [ -z "$found" ]; then
        case $word in
            *.ko | *.ko.*) name=${word##*/} && echo "${name%%.ko*}" >> /build/wanted ;;
            *)
                if ! grep -q "^kernel/$word/" "$from/modules.builtin"; then
                    fail module "Linux $release has no modules in kernel/$word" "kernix list shows kernels; the paths are those of lib/modules/$release/kernel"
                fi
                ;;
        esac
    fi
done

awk '
    function plain(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
    FILENAME ~ /modules.dep$/ { file = $1; sub(/:$/, "", file); path[plain(file)] = file; rest = $0; sub(/^[^:]*: */, "", rest); needs[file] = rest; next }
    FILENAME ~ /modules.builtin$/ { builtin[plain($1)] = 1; next }
    FILENAME ~ /modules.alias$/ { if ($2 !~ /[*?[]/) alias[$2] = alias[$2] " " plain($3); next }
    FILENAME ~ /modules.softdep$/ {
        if ($1 != "softdep") next
        on = 0
        for (i = 3; i <= NF; i++) { if ($i == "pre:" || $i == "post:") on = 1; else if (on) soft[plain($2)] = soft[plain($2)] " " $i }
        next
    }
    { todo[++count] = $1; asked[count] = 1 }
    END {
        for (i = 1; i <= count; i++) {
            word = todo[i]; name = plain(word)
            if (name in done) continue
            if (!(name in path)) {
                if (name in builtin) continue
                if (word in alias) { n = split(alias[word], others, " "); for (j = 1; j <= n; j++) todo[++count] = others[j]; continue }
                if (asked[i]) print "missing " word
                continue
            }
            done[name] = 1
            print "copy " path[name]
            n = split(needs[path[name]], others, " "); for (j = 1; j <= n; j++) todo[++count] = others[j]
            n = split(soft[name], others, " "); for (j = 1; j <= n; j++) todo[++count] = others[j]
        }
    }' "$from/modules.dep" "$from/modules.builtin" "$from/modules.alias" "$from/modules.softdep" /build/wanted > /build/found

missing=$(sed -n 's/^missing //p' /build/found | sort -u | tr '\n' ' ' | sed 's/ $//; s/ /, /g')
if [ -n "$missing" ]; then
    fail module "Linux $release has no module $missing" "a module has the name of its file without .ko; what is built in may be named, too"
fi

mkdir -p "$to"
sed -n 's/^copy //p' /build/found | sort -u | while read -r file; do
    plain=${file%.ko*}.ko
    mkdir -p "$to/${file%/*}"
    # The archive is compressed as a whole, and not every modprobe reads every compression.
    case $file in
        *.xz) xz -dc "$from/$file" > "$to/$plain" ;;
        *.zst) zstd -dcq "$from/$file" > "$to/$plain" ;;
        *.gz) gzip -dc "$from/$file" > "$to/$plain" ;;
        *) cp "$from/$file" "$to/$file" ;;
    esac
done
for list in modules.order modules.builtin modules.builtin.modinfo; do
    if [ -e "$from/$list" ]; then cp "$from/$list" "$to/"; fi
done
chmod -R u+w /out/out
depmod -b /out/out "$release"
