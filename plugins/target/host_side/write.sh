# Puts an undo in its place, on the disk. $1: the run's folder, $2: its size, $3: what it undoes. Standard input: the
# undo. Prints written, fired or gone, or owed where an earlier one was not cleared.
run=$1
cat >"$run/undo.new"
[ "$(($(wc -c <"$run/undo.new")))" -eq "$2" ] || {
  echo "cut short"
  exit
}
sync "$run/undo.new" 2>/dev/null || sync
(umask 022 && printf '%s\n' "$3" >"$run/about.new")
exec 7<"$run/acting"
timeout 60 flock 7 || exit
if [ ! -e "$run/armed" ]; then
  echo fired
elif ! alive "$run"; then
  echo gone
elif [ -e "$run/undo.sh" ]; then
  echo owed
else
  rm -f "$run/began" "$run/ended" "$run/out" "$run/err"
  mv "$run/about.new" "$run/about"
  mv "$run/undo.new" "$run/undo.sh"
  sync "$run" 2>/dev/null || sync
  echo written
fi
