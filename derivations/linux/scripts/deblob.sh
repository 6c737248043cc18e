# Make the tree without blobs of that in /src: /deblob removes them, with the help of /deblob-check, which then looks again.
set -eu

mkdir /build/bin /build/linux
cp /deblob /build/bin/deblob
cp /deblob-check /build/bin/deblob-check
chmod 0755 /build/bin/*
PATH=/build/bin:$PATH
export PATH

cp -a /src/. /build/linux
chmod -R u+w /build/linux
cd /build/linux
deblob

tar -C /build -cf /build/linux.tar linux
deblob-check --list-blobs /build/linux.tar
mv /build/linux /out/out
