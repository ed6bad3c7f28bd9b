# Takes an undo away that the runner itself has carried out and verified. $1: the run's folder, $2: proven, where its
# proof must hold once no intervention is at work any more, and say $3: a start does nothing to a container that is about
# to stop, and keys that went into one that was replaced are lost. Prints cleared; unproven, where it does not hold; fired
# where the watcher has begun to undo as well, and will finish; or gone where somebody has removed the folder.
run=$1
[ -d "$run" ] || {
  echo gone
  exit
}
proves() { said=$(timeout 15 sh "$run/undo.sh" proof </dev/null 2>/dev/null 7<&-) && [ "$said" = "$1" ]; }

exec 7<"$run/acting"
timeout 60 flock 7 || exit
if [ ! -e "$run/armed" ] && { alive "$run" || [ ! -e "$run/undo.sh" ]; }; then
  echo fired
elif [ "${2-}" = proven ] && ! proves "$3"; then
  echo unproven
else
  rm -f "$run/undo.sh" "$run/about" "$run/failed"
  find "$run/keys" -type f -exec rm -f {} +
  echo cleared
fi
