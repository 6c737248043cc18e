# Copy what external modules need of the source /src to lib/modules/$1/source: the headers, makefiles and scripts of this
# architecture, as in nixpkgs' `dev`.
set -eu

source=/out/out/lib/modules/$1/source
mkdir -p "$source"
cd /src
find . -type f |
    grep -E '\.(h|lds|lds\.S|include)$|/(Makefile|Kbuild)[^/]*$|^\./scripts/|^\./arch/[^/]*/(tools|scripts)/' |
    grep -v -E '^\./(Documentation|drivers|samples|tools/testing)/' |
    awk -F/ -v arch="$SRCARCH" '$2 != "arch" || NF == 3 || $3 == arch || ($3 == "arm" && arch == "arm64")' |
    cpio -pdm --quiet "$source"
