# Say what `uname` says on the kernel that is built for: its release is $release, its machine $machine.
letters=
for word in "$@"; do
    case $word in
        --all) letters=${letters}a ;;
        --kernel-name) letters=${letters}s ;;
        --nodename) letters=${letters}n ;;
        --kernel-release) letters=${letters}r ;;
        --kernel-version) letters=${letters}v ;;
        --machine | --processor | --hardware-platform) letters=${letters}m ;;
        --operating-system) letters=${letters}o ;;
        -*) letters=$letters${word#-} ;;
    esac
done

said=
# The word $2, if a letter of $1 asks for it.
say() {
    case ${letters:-s} in *[$1]*) said="$said${said:+ }$2" ;; esac
}

say as Linux
say an kernix
say ar "$release"
say av '#1'
say ampi "$machine"
say ao GNU/Linux
echo "$said"
