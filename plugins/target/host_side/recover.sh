# Runs what this user's dead runs still owe. $1: the project's folder. Standard input: how Redis is logged in to. Prints
# held, or for each of them "undone NAME" or "failed NAME", each followed by lines "log …".
[ -d "$1" ] || exit 0
for run in "$1"/*; do # a watcher that was stopped would hold the lock for ever, and undo nothing
  if mine "$run"; then tell CONT "$run"; fi
done
exec 9<"$1"
timeout 3 flock 9 || {
  echo held
  exit
}
RUNBOOK_SUITE_LOGIN=$(cat && printf x)
RUNBOOK_SUITE_LOGIN=${RUNBOOK_SUITE_LOGIN%x}
export RUNBOOK_SUITE_LOGIN
for run in "$1"/*; do
  if [ -L "$run" ] || [ ! -f "$run/undo.sh" ]; then continue; fi
  # Another user's script is never run: anybody could have put one there.
  if ! mine "$run" || ! mine "$run/undo.sh"; then continue; fi
  echo "recovery asked for" >>"$run/log"
  if heal "$run" 1 "recovery" >>"$run/log" 2>&1; then word=undone; else word=failed; fi
  printf '%s %s\n' "$word" "${run##*/}"
  tail -n 12 "$run/log" | tr -d '\000-\011\013-\037\177' | sed 's/^/log /'
  [ "$word" = failed ] || drop "$run"
done
