# Give a kernel's build what it would otherwise take from chance, or say that it cannot be reproducible.
#
# Read by `build.sh` and `module.sh`: the configuration is $config, the arguments of make may change here, and programs of
# our own come first on the PATH. The commands that make compares from one run to the next stay what they are.

chosen() {
    grep -qx "CONFIG_$1=y" "$config"
}

# Put the script on standard input before the program $1.
instead_of() {
    mkdir -p /tmp/kernix
    cat > "/tmp/kernix/$1"
    chmod +x "/tmp/kernix/$1"
    PATH=/tmp/kernix:${PATH#/tmp/kernix:}
    export PATH
}

for option in X86_NATIVE_CPU MNATIVE MNATIVE_AMD MNATIVE_INTEL; do
    if chosen $option; then
        fail native "CONFIG_$option compiles for the processor of the machine that builds" \
            "choose a processor, such as with make_flags=[\\\"KCFLAGS=-march=x86-64-v3\\\"]"
    fi
done

# Linux would make a key, link its certificate into the image, sign the modules with it, and lose it (certs/Makefile).
if grep -qx 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"' "$config" && [ "$config" = /config ]; then
    fail key "each build would make another key for signing modules: MODULE_SIG_KEY is \`certs/signing_key.pem\`" \
        "give your own with signing_key=\\\"key.pem\\\", or leave MODULE_SIG_KEY alone"
fi
# Other kinds of signatures contain random numbers.
if [ -e /signing-key.pem ] && ! openssl rsa -in /signing-key.pem -check -noout > /dev/null 2>&1; then
    fail key "signing_key has no RSA key, so no two signatures would be equal" \
        "\`openssl req -new -x509 -newkey rsa:4096 -nodes -days 36500 -subj /CN=modules -keyout key.pem -out key.pem\` makes one"
fi

# scripts/gen-randstruct-seed.sh, and scripts/gcc-plugins/gen-random-seed.sh before 5.19, ask `od` for a random number.
seed=
if { chosen RANDSTRUCT || chosen GCC_PLUGIN_RANDSTRUCT; } && [ "$config" = /config ]; then
    seed=$({ echo "${KERNIX_RANDSTRUCT_SEED-$release}"; cat /config; } | sha256sum | cut -c 1-64)
    instead_of od << EOF
#!/bin/sh
case " \$* " in
    *" /dev/urandom "*) echo $seed ;;
    *) exec $(command -v od) "\$@" ;;
esac
EOF
fi

# Check that the layout of structures follows from the seed.
check_seed() {
    for file in scripts/basic/randstruct.seed scripts/gcc-plugins/randomize_layout_seed.h; do
        if [ -n "$seed" ] && [ -e $file ] && ! grep -q "$seed" $file; then
            fail randstruct "this kernel takes the seed of RANDSTRUCT from elsewhere" "switch RANDSTRUCT off"
        fi
    done
}

# Without a seed, the plugin reads /dev/urandom for each file (scripts/gcc-plugins/latent_entropy_plugin.c).
if chosen GCC_PLUGIN_LATENT_ENTROPY; then
    flags=
    for word in "$@"; do
        shift
        case $word in
            KCFLAGS=*) flags=${word#KCFLAGS=} ;;
            *) set -- "$@" "$word" ;;
        esac
    done
    case $flags in *-frandom-seed=*) ;; *) flags="$flags${flags:+ }-frandom-seed=kernix" ;; esac
    set -- "$@" "KCFLAGS=$flags"
fi

# With several jobs, types are in the order in which pahole's threads finish.
if chosen DEBUG_INFO_BTF; then
    instead_of pahole << EOF
#!/bin/sh
for word in "\$@"; do
    shift
    case \$word in
        -j | -j[0-9]* | --jobs | --jobs=*) ;;
        *) set -- "\$@" "\$word" ;;
    esac
done
exec $(command -v pahole) "\$@"
EOF
fi
