# Notes that reports were told. $1: the project's folder, the rest: names of runs. What is another user's stays, marked.
project=$1
shift
for name in "$@"; do
  run=$project/$name
  if [ -e "$run/undo.sh" ] || alive "$run"; then continue; fi
  if mine "$run" && [ ! -L "$run" ]; then drop "$run"; else (set -C && : >"$project/seen-$name") 2>/dev/null; fi
done
:
