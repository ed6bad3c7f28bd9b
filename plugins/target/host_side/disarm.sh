# Ends a run's watcher and waits until it is gone. $1: the run's folder, $2: seconds to wait. Prints disarmed; fired
# where its lease has run out; owed where an undo is; busy where the watcher is still at it; gone where the folder is.
run=$1
word=fired
[ -d "$run" ] || {
  echo gone # somebody recovered what it owed, or removed it
  exit
}
exec 7<"$run/acting"
timeout 60 flock 7
# With something owed the watcher must not go: told to end, it undoes that first.
if [ ! -e "$run/undo.sh" ] && mv "$run/armed" "$run/disarmed" 2>/dev/null; then word=disarmed; fi
exec 7<&-
if [ "$word" = disarmed ] || [ -e "$run/armed" ]; then tell TERM "$run"; fi
tell CONT "$run" # it may have been stopped, and would stay for ever
if ! timeout "$2" flock "$run" true; then
  echo busy
elif [ -e "$run/undo.sh" ]; then
  echo owed
else
  [ -e "$run/undone.sh" ] || drop "$run"
  echo "$word"
fi
