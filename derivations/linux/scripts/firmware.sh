# Join the firmware of the unpacked Debian packages /packages/* in lib/firmware.
set -eu

fail() {
    printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\n' "$1" "$2" "$3"
    exit 1
}

own=/out/out/lib/firmware
mkdir -p "$own"
for package in /packages/*; do
    for tree in "$package/lib/firmware" "$package/usr/lib/firmware"; do # Debian 13 has everything below usr
        if [ ! -d "$tree" ] || [ -L "${tree%/firmware}" ]; then continue; fi
        (cd "$tree" && find . ! -type d) | while read -r file; do
            if [ ! -e "$own/$file" ] && [ ! -L "$own/$file" ]; then continue; fi
            if cmp -s "$own/$file" "$tree/$file"; then continue; fi
            file=$(printf '%s' "${file#./}" | tr -d '\\"' | tr '[:cntrl:]' ' ')
            fail conflict "${package##*/} and another of the packages have a file $file, with other contents" "leave one of them out"
        done
        cp -R --reflink=auto "$tree/." "$own/"
        chmod -R u+w "$own"
    done
done
if [ -z "$(find "$own" ! -type d | head -n 1)" ]; then
    set -- /packages/*
    fail firmware "there is no lib/firmware in ${1##*/}" "name packages with firmware, such as firmware-iwlwifi"
fi
