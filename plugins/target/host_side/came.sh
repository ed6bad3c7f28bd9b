# What came of the last intervention. $1: the run's folder. Prints a word: never (it did not begin), running, killed (it
# ended unnoticed), or its exit code; then its error output.
if [ -e "$1/ended" ]; then
  read -r code <"$1/ended"
  echo "$code"
elif [ ! -e "$1/began" ]; then
  echo never
elif flock -n "$1/acting" true; then
  echo killed
else
  echo running
fi
[ ! -e "$1/err" ] || cat "$1/err"
