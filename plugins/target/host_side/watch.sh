# The watcher of one run. $1: the project's folder, $2: the run's, $3: after how many ticks (seconds) without a new beat
# it undoes. It holds the locks of both for as long as it lives.
project=$1
run=$2
cd / || exit
trap '' HUP INT QUIT
told=
trap 'told=1' TERM # go on to the end now: nothing is left to watch, or somebody wants us dead

exec 8<"$run" 9<"$project"
if ! { timeout 3 flock 8 && timeout 3 flock 9; }; then # whoever merely looks holds them for an instant
  echo held
  exit
fi
for other in "$project"/*/undo.sh; do
  if [ -e "$other" ] && [ ! -L "${other%/undo.sh}" ]; then
    echo owed
    exit
  fi
done
# Nobody else is alive now. What earlier runs of this user left, and was told or is not worth it, goes.
for other in "$project"/*; do
  if [ -d "$other" ] && [ "$other" != "$run" ] && mine "$other" && ! alive "$other"; then
    if [ -e "$other/healed" ]; then [ -e "$project/seen-${other##*/}" ] || continue; fi
    # One without a tick may be just beginning.
    if [ -e "$other/tick" ] || [ -n "$(find "$other" -prune -mtime +0)" ]; then rm -rf "$other"; fi
  fi
done
for other in "$project"/seen-*; do
  [ -d "$project/${other##*/seen-}" ] || ! mine "$other" || rm -f "$other"
done

echo "$$" >"$run/pid"
: >"$run/armed"
echo armed
exec >>"$run/log"

beat='' idle=0 tick=0
while [ -z "$told" ] && [ "$idle" -lt "$3" ]; do
  nap
  tick=$((tick + 1)) last=$beat beat=
  echo "$tick" >"$run/tick"
  [ ! -e "$run/beat" ] || read -r beat <"$run/beat"
  if [ "$beat" = "$last" ]; then idle=$((idle + 1)); else idle=0; fi
done
mv "$run/armed" "$run/firing" 2>/dev/null || exit 0 # disarmed: of two who rename, one succeeds

echo "fires after $idle of $3 ticks without a beat${told:+, being told to end}"
# Whoever still carries out an intervention ends first. Who has not begun finds nothing armed.
exec 7<"$run/acting"
timeout 60 flock 7
exec 7<&-
if [ -n "$told" ]; then why='the host ended the watcher'; else why="no sign of life from the runner for $idle s"; fi
if [ ! -e "$run/undo.sh" ]; then
  (umask 022 && echo "$why: nothing was owed" >"$run/healed")
  exit 0
fi
hold=1
# One that was killed, or takes for ever, may have left the engine at work: longer than a stop takes.
[ -e "$run/began" ] && [ ! -e "$run/ended" ] && hold=12
heal "$run" "$hold" "$why"
