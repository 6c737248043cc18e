# Compare the configuration /config with the options that $1 needs: the other arguments, each a name, or names
# of which one is enough with `|` between them.
set -eu

module=$1
shift

missing=
requests=
for option in "$@"; do
    if ! grep -qE "^CONFIG_($option)=[ym]$" /config; then
        missing="$missing${missing:+, }$(echo "$option" | sed 's/|/ or /g')"
        requests="$requests${requests:+, }\\\"${option%%|*}\\\": YES"
    fi
done
if [ -n "$missing" ]; then
    printf '@kernix {"kind": "option", "error": "%s needs %s, which the kernel is configured without", "hint": "%s"}\n' \
        "$module" "$missing" "override the kernel with extra_config={$requests}"
    exit 1
fi
: > /out/out
