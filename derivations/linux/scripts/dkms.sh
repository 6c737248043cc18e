# Build the modules of the source in this directory as its dkms.conf says, in the ways of dkms(8).
#
# $1 is the kernel's release, $2 what `uname -m` says on it. The file is a program for bash: it is run here, in the sandbox,
# and may look at the kernel's configuration and headers. /build/modules lists what was built, one a line: the file, the
# name to install it by, and `no` if it keeps its debug information, with tabs between.
#
# Where modules go is ours to say, as with dkms on most distributions; what DEST_MODULE_LOCATION says is not used.

kernelver=$1
arch=$2
kernel_source_dir=/lib/modules/$kernelver/build
source_tree=/usr/src
dkms_tree=/build/dkms
declare -A lines=()
left_out=()

# $1 as a text in JSON.
quoted() {
    local text=${1//[$'\001'-$'\037']/ }
    text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# Complain of $2, which is of the kind $1, and advise $3, if there is something to advise.
fail() {
    printf '@kernix {"kind": %s, "error": %s%s}\n' "$(quoted "$1")" "$(quoted "$2")" "${3:+, \"hint\": $(quoted "$3")}"
    exit 1
}

warn() {
    printf '@kernix {"warning": %s}\n' "$(quoted "$1")"
}

# Say that the directive $1 of dkms.conf excludes this kernel, and why: $2.
exclude() {
    fail excluded "line $(line_of "$1") of dkms.conf excludes Linux $kernelver: $1 is ${!1}, and $2" \
        "its authors say that it is not for this kernel; build it for another one, or change dkms.conf with a patch"
}

# A release as a text that sorts as releases do: every number in it has ten digits.
sortable() {
    local rest=$1 found=
    while [[ $rest =~ ^([^0-9]*)([0-9]+)(.*)$ ]]; do
        found+=${BASH_REMATCH[1]}$(printf '%010d' "$((10#${BASH_REMATCH[2]}))")
        rest=${BASH_REMATCH[3]}
    done
    printf '%s' "$found$rest"
}

older() {
    local LC_ALL=C
    [[ $(sortable "$1") < $(sortable "$2") ]]
}

# Before a command of dkms.conf: note its line, and which directive it sets.
note_line() {
    local number=$1 index
    if [[ ${BASH_SOURCE[1]} != ./dkms.conf || $BASH_COMMAND == "source ./dkms.conf" ]]; then return; fi
    last=$number
    if [[ $BASH_COMMAND =~ ^([A-Z_]+)(\[([^]]*)\])?= ]]; then
        index=${BASH_REMATCH[3]}
        if [[ $index ]]; then eval "index=.\$(($index))"; fi # it may be a variable
        lines[${BASH_REMATCH[1]}$index]=$number
    fi
}

# Print the line of dkms.conf that sets the directive $1 last, or its element $2.
line_of() {
    printf '%s' "${lines[$1${2:+.$2}]:-${lines[$1]:-?}}"
}

# Whether the directive $1 excludes this kernel by its element $2, and then how: $why.
excludes() {
    local -n values=$1
    local wanted=${values[$2]} option value
    why=
    case $1 in
        BUILD_EXCLUSIVE_KERNEL) if [[ ! $kernelver =~ $wanted ]]; then why="that matches no part of $kernelver"; fi ;;
        BUILD_EXCLUSIVE_KERNEL_MIN) if older "$kernelver" "$wanted"; then why="this kernel is older"; fi ;;
        BUILD_EXCLUSIVE_KERNEL_MAX) if older "$wanted" "$kernelver"; then why="this kernel is newer"; fi ;;
        BUILD_EXCLUSIVE_ARCH) if [[ ! $arch =~ $wanted ]]; then why="this kernel is for $arch"; fi ;;
        BUILD_EXCLUSIVE_CONFIG)
            for option in $wanted; do
                value=$(sed -n "s/^${option#!}=\([ym]\)$/\1/p" "$kernel_source_dir/.config")
                case $option in
                    !*) if [[ $value ]]; then why="this kernel has ${option#!}=$value"; fi ;;
                    *) if [[ ! $value ]]; then why="this kernel is configured without ${option#CONFIG_}"; fi ;;
                esac
                if [[ $why ]]; then break; fi
            done
            ;;
        OBSOLETE_BY) if ! older "$kernelver" "$wanted"; then why="kernels from then on have what it was for"; fi ;;
    esac
    [[ $wanted && $why ]]
}

# A directive without an index is for the whole package. With several, or another than 0, each is for one module (dkms 3.3),
# and a module that is excluded is left out: ${left_out[index]} says why.
check_directive() {
    local -n elements=$1
    local index
    for index in "${!elements[@]}"; do
        if ! excludes "$1" "$index"; then continue; fi
        if [[ ${#elements[@]} == 1 && $index == 0 ]]; then exclude "$1" "$why"; fi
        left_out[index]="line $(line_of "$1" "$index") of dkms.conf excludes Linux $kernelver: $1[$index] is ${elements[index]}, and $why"
    done
}

check_excluded() {
    local directive index
    for directive in BUILD_EXCLUSIVE_KERNEL BUILD_EXCLUSIVE_KERNEL_MIN BUILD_EXCLUSIVE_KERNEL_MAX BUILD_EXCLUSIVE_ARCH BUILD_EXCLUSIVE_CONFIG OBSOLETE_BY; do
        check_directive "$directive"
    done
    for index in "${!BUILT_MODULE_NAME[@]}"; do
        if [[ ! ${left_out[index]} ]]; then return; fi
    done
    if [[ ${#left_out[@]} != 0 && ${#BUILT_MODULE_NAME[@]} != 0 ]]; then
        fail excluded "${left_out[index]}" "its authors say that none of its modules is for this kernel; build it for another one, or change dkms.conf with a patch"
    fi
}

apply_patches() {
    local index file
    for index in "${!PATCH[@]}"; do
        file=${PATCH[index]}
        if [[ ! $file || (${PATCH_MATCH[index]} && ! $kernelver =~ ${PATCH_MATCH[index]}) ]]; then continue; fi
        if [[ ! -f patches/$file ]]; then
            fail patch "line $(line_of PATCH "$index") of dkms.conf names patches/$file, which the source does not have" "is the source complete?"
        fi
        echo "applying patches/$file"
        if ! patch -p1 < "patches/$file"; then
            fail patch "patches/$file, which dkms.conf names for Linux $kernelver, does not apply"
        fi
    done
}

# Run the script that the directive $1 names, with its arguments.
run_script() {
    local -a words
    # Words and nothing more, as dkms takes it: no quotes, no variables. It may have several lines.
    read -r -d '' -a words <<< "${!1}"
    if [[ ! ${words[0]} ]]; then return; fi
    if [[ ! -f ${words[0]} ]]; then
        fail script "line $(line_of "$1") of dkms.conf has $1 run ${words[0]}, which the source does not have" "is the source complete?"
    fi
    chmod +x "${words[0]}"
    if ! ("./${words[0]}" "${words[@]:1}"); then
        fail script "${words[0]}, which dkms.conf has $1 run, failed"
    fi
}

# Print the command that builds for this kernel: the last one that is meant for it, or else the usual one.
make_command() {
    local index found=
    for index in "${!MAKE[@]}"; do
        if [[ ${MAKE_MATCH[index]} ]]; then
            if [[ $kernelver =~ ${MAKE_MATCH[index]} ]]; then found=${MAKE[index]}; fi
        elif [[ $index == 0 ]]; then
            found=${MAKE[0]}
        fi
    done
    found=${found:-make -C $kernel_source_dir M=$PWD}
    # The bare word is continued, unless it is quoted: 'make'.
    if [[ $found == make || $found == 'make '* ]]; then found="make -j$KERNIX_CORES KERNELRELEASE=$kernelver${found#make}"; fi
    printf '%s' "$found"
}

list_modules() {
    local index file target
    if [[ ${#BUILT_MODULE_NAME[@]} == 0 ]]; then BUILT_MODULE_NAME=("$PACKAGE_NAME"); fi
    for index in "${!BUILT_MODULE_NAME[@]}"; do
        if [[ ${left_out[index]} ]]; then
            warn "${BUILT_MODULE_NAME[index]} is left out: ${left_out[index]}"
            continue
        fi
        file=${BUILT_MODULE_NAME[index]}.ko
        if [[ ${BUILT_MODULE_LOCATION[index]} ]]; then file=${BUILT_MODULE_LOCATION[index]%/}/$file; fi
        target=${DEST_MODULE_NAME[index]:-${BUILT_MODULE_NAME[index]}}
        if [[ $target == */* ]]; then fail conf "DEST_MODULE_NAME is $target, which is no name" "DEST_MODULE_LOCATION is for directories"; fi
        if [[ ! -f $file ]]; then
            fail nothing "line $(line_of BUILT_MODULE_NAME "$index") of dkms.conf promises $file, which its MAKE did not build"
        fi
        printf '%s\t%s\t%s\n' "$PWD/$file" "$target" "${STRIP[index]:-${STRIP[0]:-yes}}" >> /build/modules
    done
}

if ! said=$(bash -n dkms.conf 2>&1); then fail conf "dkms.conf is not a program for bash: $said" "correct it, with a patch"; fi
# dkms knows both before it reads the file, from its command line, and some files use them.
# shellcheck disable=SC1091
module=$(source ./dkms.conf > /dev/null 2>&1; printf '%s' "$PACKAGE_NAME")
# shellcheck disable=SC1091,SC2034
module_version=$(source ./dkms.conf > /dev/null 2>&1; printf '%s' "$PACKAGE_VERSION")
trap 'fail conf "dkms.conf ends by itself, on line $last" "it must only set variables"' EXIT
set -o functrace
trap 'note_line $LINENO' DEBUG
# shellcheck disable=SC1091
source ./dkms.conf # here, and not in a function, in which `declare` would mean something else
trap - DEBUG EXIT
set +o functrace

for directive in PACKAGE_NAME PACKAGE_VERSION; do
    if [[ ! ${!directive} ]]; then fail conf "dkms.conf has no $directive" "every dkms.conf has one"; fi
done
check_excluded
here=$PWD
mkdir -p "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION"
mv "$here" "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build"
ln -s "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build" "$here"
cd "$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build" || exit
apply_patches
run_script PRE_BUILD
if [[ $CLEAN ]]; then (eval "$CLEAN") > /dev/null 2>&1; fi
command=$(make_command)
echo "$command"
(eval "$command") || exit 1
run_script POST_BUILD
list_modules
