# Carries out an intervention whatever becomes of the connection. $1: the run's folder, the rest: its command.
# Exit code and output are the command's; 75 and a word about it where it was not begun.
if [ "$1" != --inside ]; then
  setsid sh "$0" --inside "$@" </dev/null >/dev/null 2>&1 &
  wait "$!" || {
    echo "not begun, or its end was missed" >&2
    exit 75
  }
  cat "$1/out"
  cat "$1/err" >&2
  read -r code <"$1/ended"
  exit "$code"
fi
shift
run=$1
shift
exec 7<"$run/acting"
timeout 30 flock 7 || exit
rm -f "$run/began" "$run/ended" "$run/out" "$run/err"

ended() {
  echo "$1" >"$run/ended.new"
  mv "$run/ended.new" "$run/ended"
}

refuse() {
  : >"$run/out"
  echo "not begun: $*" >"$run/err"
  ended 75
  exit
}

[ -e "$run/armed" ] || refuse "the lease has run out, and the host has undone what was owed"
alive "$run" || refuse "no watcher lives that could undo it"
[ -e "$run/undo.sh" ] || refuse "no undo was written"
: >"$run/began"
# The lock goes with the command: should this shell be killed, it is held until the command ends.
"$@" >"$run/out" 2>"$run/err"
ended "$?"
