# Stands in front of the other scripts of this folder, which all run on the host. POSIX sh, and flock besides.
# Whether somebody lives is told by locks (flock): the kernel takes them back from the dead, and after a reboot there
# are none, whatever became of the process ids. The locks are on the folders themselves, which whoever tidies up
# (systemd-tmpfiles) respects. A busybox's flock cannot wait for a time, so timeout does.
LC_ALL=C
export LC_ALL
umask 077

# $1: a run's folder. Whether its watcher lives. Who looks shares the lock: two who look are not a watcher to each other.
alive() { [ -d "$1" ] && [ ! -L "$1" ] && ! flock -s -n "$1" true; }

# $1: a signal, $2: a run's folder. Sends it to the run's watcher, where that lives.
tell() { alive "$2" && read -r pid <"$2/pid" && kill "-$1" "$pid"; }

# $1: a file that may be anybody's. Its first line, as far as it can be shown.
line() { [ -f "$1" ] && [ ! -L "$1" ] && dd if="$1" bs=1024 count=1 2>/dev/null | head -n 1 | tr -d '\000-\037\177'; }

# $1: a run's folder, which goes; and the project's with it where nothing else is there.
drop() {
  rm -rf "$1"
  rmdir "${1%/*}" 2>/dev/null
  :
}

# $1: a path. Its type and mode, links, owner, … as one word each in the caller's $1, $2, $3: set -- $(facts PATH)
facts() { ls -ldn "$1" 2>/dev/null; }

# $1: a path. Whether this user made it.
mine() {
  # shellcheck disable=SC2046  # words are wanted
  set -- $(facts "$1")
  [ "${3-}" = "$(id -u)" ]
}

# $1: a folder that all users share. Says what is wrong with it, nothing where it can be trusted: in one without the
# sticky bit anybody could put his files in the place of ours, and a link leads wherever its maker wants.
wrong() {
  folder=$1
  # shellcheck disable=SC2046  # words are wanted
  set -- $(facts "$folder")
  case ${1-} in
  d????????t*) ;;
  d????-??-*) # nobody else can write there; ours was left half made, and begin opens it to all
    [ "${3-}" = "$(id -u)" ] || echo "$folder ($1, made by user ${3-}) is not shared by all users: remove it"
    ;;
  l*) echo "$folder is a symbolic link, made by user ${3-}: remove it" ;;
  d*) echo "$folder ($1, made by user ${3-}) is not shared by all users and sticky: remove it, or chmod 1777 it" ;;
  '') echo "$folder is not there" ;;
  *) echo "$folder is no folder ($1): remove it" ;;
  esac
}

# $1: a folder that all users share. Says whose it is where that could do harm, nothing where it is root's, ours, or that
# of somebody in a group of ours, as docker's, whose members are as good as root: in a sticky folder, too, its owner can
# put his files in the place of ours, which we would run.
foreign() {
  folder=$1
  if mine "$folder"; then return; fi
  # shellcheck disable=SC2046  # words are wanted
  set -- $(facts "$folder")
  if [ "${3-}" = 0 ]; then return; fi
  owner=$3
  # shellcheck disable=SC2046  # words are wanted
  set -- $(ls -ld "$folder" 2>/dev/null)
  for theirs in $(id -G "${3-}" 2>/dev/null); do
    for ours in $(id -G); do
      if [ "$theirs" = "$ours" ]; then return; fi
    done
  done
  echo "$folder was made by user $owner, who is in no group of ours: remove it, or let root own it (chown root $folder)"
}
