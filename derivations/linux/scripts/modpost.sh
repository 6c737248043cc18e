# In place of modpost, for modules of the kernel's own tree: the kernel must not take them for external ones.
#
# modpost's option -e lets a module export what the kernel's Module.symvers has of it already; but with -e it does not mark
# it as one of the tree. So the mark is added here, at modpost's own place for it.
set -eu

/programs/lib/modules/*/build/scripts/mod/modpost "$@"
external=
order=
while [ $# -gt 0 ]; do
    case $1 in
        -e) external=yes ;;
        -T) order=$2 ;;
    esac
    shift
done
if [ -z "$external" ] || [ -z "$order" ]; then exit; fi
sed 's/\.k\{0,1\}o$//' "$order" | while read -r module; do
    case $module in /*) ;; *) [ -e "$module.mod.c" ] || module=$(dirname "$order")/$module ;; esac
    if ! grep -q 'MODULE_INFO(intree' "$module.mod.c"; then
        sed -i '/__this_module/,/^};/ s/^};$/};\n\nMODULE_INFO(intree, "Y");/' "$module.mod.c"
    fi
done
