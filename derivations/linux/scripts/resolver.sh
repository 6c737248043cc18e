# Make the resolver of the Kconfig in /src: kconf, what it needs to run alone, and the model.
#
# /kconf has its source; the arguments are make's.
set -eu

fail() {
    printf '@kernix {"kind": "kconfig", "error": "%s", "hint": "%s"}\n' "$1" "$2"
    exit 1
}

cd /build
: > .config # without one, Kconfig looks for the running kernel's
make -C /src O=/build "$@" olddefconfig

# In the place of conf: what tells the environment that the makefile gives it. Which versions of make
# and of the machine's kernel there are, and how many processors, is not of interest.
printf '#!/bin/sh\nenv -0 > /build/told\n' > scripts/kconfig/conf
chmod +x scripts/kconfig/conf
make -C /src O=/build "$@" olddefconfig
[ -s told ] || fail "the kernel's makefile did not run its Kconfig" "its scripts/kconfig/Makefile is of an unknown kind"
mkdir -p /out/out/model
grep -zvE '^(CONFIG_|KCONFIG_|KERNIX_|MAKE|MFLAGS=|GNUMAKEFLAGS=|PWD=|OLDPWD=|SHLVL=|_=)' told | sort -z > /out/out/environment

said() {
    tr '\0' '\n' < /out/out/environment | sed -n "s/^$1=//p"
}

scripts=/src/scripts
if grep -q 'struct file \*file;' $scripts/kconfig/expr.h; then set -- -DKCONF_STRUCT_FILE; else set --; fi
set -- -O2 -Wall "$@" -I $scripts/include -I $scripts/kconfig -I ../scripts/kconfig
mkdir kconf
cd kconf # no Kconfig here, so the one of the tree is read
# Before 4.20 one object had all that is in several now: they are what there is, but for the program itself.
find ../scripts/kconfig -name '*.o' ! -name conf.o | sort > objects
# Since 6.12 expressions are found by a hash of addresses, of which the table uses a sixteenth, as these are
# multiples of 16: with another hash and table the same is parsed in a fifth of the time.
if grep -qs EXPR_HASHSIZE $scripts/kconfig/internal.h; then
    cp $scripts/kconfig/expr.c .
    sed '/define[[:space:]]*EXPR_HASHSIZE/s/14/18/' $scripts/kconfig/internal.h > internal.h
    printf '#include <hash.h>\n#define hash_ptr(it) ((unsigned int)((unsigned long)(it) * 0x9E3779B97F4A7C15UL >> 32))\n' > hash_ptr.h
    $(said HOSTCC) "$@" -include ./hash_ptr.h -c expr.c -o expr.o
    sed -i s,.*/expr.o,expr.o, objects
fi
# shellcheck disable=SC2046 # words, all of them
$(said HOSTCC) "$@" -static /kconf/kconf.c $(cat objects) -o /out/out/kconf ||
    fail "the program that asks the kernel's Kconfig does not compile" "this version of scripts/kconfig is not known"

kconf=/out/out/kconf
"$kconf" /out/out record
model=/out/out/model
"$kconf" /out/out dump "$model"

sort -u "$model/files" -o files
rm "$model/files"

cd /src
# What is defined in files that this architecture does not read.
grep -rnE --include='Kconfig*' '^[[:space:]]*(menu)?config[[:space:]]+[A-Za-z0-9_]+' . |
    awk -F: -v files=/build/kconf/files '
        BEGIN { while ((getline file < files) > 0) read[file] }
        {
            file = substr($1, 3)
            if (file in read || file ~ /^scripts\/kconfig\/tests\//) next
            sub(/^[ \t]*(menu)?config[ \t]+/, "", $3)
            sub(/[^A-Za-z0-9_].*/, "", $3)
            print $3, file ":" $2
        }' | sort -t ' ' -k 1,1 -k 2,2V > "$model/elsewhere"

# What the configurations that come with the kernel switch on.
find "arch/$(said SRCARCH)/configs" kernel/configs -type f -exec cat {} + |
    sed -n 's/^CONFIG_\([A-Za-z0-9_]*\)=[ym]$/\1/p' | sort -u > "$model/common"
