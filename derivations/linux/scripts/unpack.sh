#!/bin/sh
# Unpack $src into the working directory as $name, where it can be changed; a second time it stays as it is.
#
# A kernel's tree gets the configuration that the kernel is built with.
set -eu

if [ -e "$name" ]; then
    echo "$name is unpacked already" >&2
    exit
fi

unfinished=".$name.unfinished"
rm -rf "$unfinished"
cp -R --reflink=auto --preserve=mode,timestamps "$src" "$unfinished"
chmod -R u+w "$unfinished"
if [ -f /config ]; then cat /config > "$unfinished/.config"; fi
mv "$unfinished" "$name"
echo "unpacked into $name" >&2
