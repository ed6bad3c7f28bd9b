# Between watch or recover and the undo. After so many rounds, a second each and more, it stays owed.
ROUNDS=${RUNBOOK_SUITE_ROUNDS:-40}

# A second, or until a signal comes.
nap() {
  sleep 1 8<&- 9<&- &
  wait "$!" || kill "$!" 2>/dev/null
}

# $1: a run's folder, $2: a part of its undo, $3: seconds that it may take. The locks are not for its children.
step() { timeout "$3" sh "$1/undo.sh" "$2" </dev/null 7<&- 8<&- 9<&-; }

# $1: a run's folder, $2: for how many ticks the proof must hold, $3: who undoes, and why. 0: undone and proven.
# Undone again until that holds: a start does nothing while a stop is still at work, which then takes its turn.
heal() {
  round=0 held=0 needed=1 into=
  while [ "$held" -le "$2" ]; do
    [ "$round" -lt "$ROUNDS" ] || {
      (umask 022 && echo "$3: tried $round times, without success; see $1/log" >"$1/failed")
      return 1
    }
    [ "$round" -eq 0 ] || nap
    round=$((round + 1))
    [ -z "$needed" ] || step "$1" undo 30
    # What reads its words becomes it: a shell of ours would live on, with the locks, where somebody ends the watcher.
    if ! now=$(exec timeout 15 sh "$1/undo.sh" proof </dev/null 7<&- 8<&- 9<&-); then
      needed=1 held=0 into=
      continue
    fi
    needed=
    # Where somebody deploys, the container that the keys went into is replaced by an empty one.
    if [ "$into" != "into $now" ]; then
      held=0 into=
      step "$1" restore 600 && into="into $now"
    fi
    if [ -n "$into" ]; then held=$((held + 1)); fi
  done
  (umask 022 && echo "$3: undone and proven by $(date -u +%Y-%m-%dT%H:%M:%SZ), in $round rounds" >"$1/healed")
  mv "$1/undo.sh" "$1/undone.sh"
  rm -rf "$1/keys" "$1/failed"
}
