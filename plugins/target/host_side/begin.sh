# Makes a run's folder and starts its watcher. $1: the shared folder, $2: the project's in it, $3: the run's in that,
# $4: the lease in ticks, $5: the holder in words, $6, $7, $8: the texts of watch, act and beat. Standard input: how
# Redis is logged in to. Prints a word (armed, held, owed, missing, refused) and what there is to say about it.
project=$1/$2
run=$project/$3

refuse() {
  printf 'refused %s\n' "$*"
  exit 0
}

for tool in setsid flock timeout sync; do
  command -v "$tool" >/dev/null || {
    echo "missing $tool"
    exit 0
  }
done
# $1: a folder for all users, made if need be. Fails with $said.
share() {
  said=$(mkdir -m 1777 "$1" 2>&1) || [ -d "$1" ] || return
  # Ours, but left half made.
  if [ ! -L "$1" ] && [ -z "$(wrong "$1")" ] && mine "$1"; then chmod 1777 "$1"; fi
  said=$(wrong "$1")
  [ -n "$said" ] || said=$(foreign "$1")
  [ -z "$said" ]
}

share "$1" || refuse "$said"
tries=0
until share "$project" && said=$(mkdir -m 755 "$run" 2>&1); do
  # Not at once: a run that ends takes the empty folder away, perhaps just between.
  if [ -e "$run" ] || [ "$tries" -ge 20 ]; then refuse "$said"; fi
  tries=$((tries + 1))
done
mkdir -m 700 "$run/keys"
printf '%s\n' "$6" >"$run/watch.sh"
printf '%s\n' "$7" >"$run/act.sh"
printf '%s\n' "$8" >"$run/beat.sh"
: >"$run/acting"
(umask 022 && printf '%s, as %s since %s\n' "$5" "$(id -un)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$run/holder")

RUNBOOK_SUITE_LOGIN=$(cat && printf x)
RUNBOOK_SUITE_LOGIN=${RUNBOOK_SUITE_LOGIN%x}
export RUNBOOK_SUITE_LOGIN
# A session of its own, and streams of its own: else ssh would wait for it, and a closed terminal would end it. What
# it says is all said when it lets go of its standard output, or ends.
said=$(setsid sh "$run/watch.sh" "$project" "$run" "$4" </dev/null 2>>"$run/log" &)
case $said in
armed) echo armed ;;
*)
  [ -n "$said" ] || said="refused the watcher did not start: $(line "$run/log")"
  drop "$run"
  printf '%s\n' "$said"
  ;;
esac
