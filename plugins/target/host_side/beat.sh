# Renews the lease for as long as its standard input lasts. $1: the run's folder, $2: seconds without a beat after which
# it ends by itself: a host that was cut off does not learn that nobody is there any more. Every line is a beat; the
# answer is "ok TICKS", "fired" where the lease has run out, or "gone" where no watcher lives, or the folder is removed.
while beat=$(timeout "$2" head -n 1) && [ -n "$beat" ]; do
  if [ ! -d "$1" ]; then
    echo gone
  elif [ ! -e "$1/armed" ]; then
    echo fired
  elif ! alive "$1"; then
    echo gone
  else
    echo "$beat" >"$1/beat"
    tick=0
    [ ! -e "$1/tick" ] || read -r tick <"$1/tick"
    echo "ok ${tick:-0}"
  fi
done
