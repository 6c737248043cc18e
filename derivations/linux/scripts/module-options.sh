# Compare the configuration /config with the modules in /list: of each line, at least one must be a module.
set -eu

tab=$(printf '\t')
# shellcheck disable=SC2034 # the second word is not needed
while IFS="$tab" read -r directory module options; do
    found=
    missing=
    requests=
    for pair in $options; do
        option=${pair#*:}
        if [ -z "$option" ] || [ "$option" = m ] || grep -qx "CONFIG_$option=m" /config; then
            found=yes
            break
        fi
        case " $missing " in *" $option is "*) continue ;; esac
        if grep -qx "CONFIG_$option=y" /config; then state="y (built in)"; else state=n; fi
        missing="$missing${missing:+, }$option is $state"
        if [ -z "$requests" ]; then requests="\\\"$option\\\": MODULE"; fi
    done
    if [ -z "$found" ]; then
        if [ "$module" = - ]; then what="any module of $directory"; else what="$directory/$module as a module"; fi
        printf '@kernix {"kind": "option", "error": "the kernel is configured without %s: %s", "hint": "%s"}\n' \
            "$what" "$missing" "override the kernel with extra_config={$requests}"
        exit 1
    fi
done < /list
: > /out/out
