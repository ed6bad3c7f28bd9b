# What runs have left. $1: the shared folder, $2: the project's in it. Prints "refused WHY", or for each run lines of a
# word and its value, from "run NAME" on.
project=$1/$2
for folder in "$1" "$project"; do
  said=$(wrong "$folder")
  case $said in
  '') continue ;;
  *' is not there') ;;
  *) printf 'refused %s\n' "$said" ;;
  esac
  exit 0
done
for run in "$project"/*; do
  if [ ! -d "$run" ] || [ -L "$run" ]; then continue; fi
  printf 'run %s\n' "${run##*/}"
  # shellcheck disable=SC2046  # words are wanted
  set -- $(ls -ld "$run")
  printf 'owner %s\n' "$3"
  ! mine "$run" || echo mine
  ! alive "$run" || echo alive
  [ ! -e "$run/undo.sh" ] || echo owed
  [ ! -e "$run/firing" ] || echo fired
  [ ! -e "$run/undone.sh" ] || echo undone
  [ ! -e "$project/seen-${run##*/}" ] || echo seen
  for word in holder about healed failed; do
    [ ! -e "$run/$word" ] || printf '%s %s\n' "$word" "$(line "$run/$word")"
  done
done
