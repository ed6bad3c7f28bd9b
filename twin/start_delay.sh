#!/bin/sh
# Becomes the command that it is given, so many seconds later as the file beside it says at that moment.
trap 'exit 143' TERM # as the first process of a container it would be deaf to it
sleep "$(cat "${0%/*}/start_delay_s")" &
wait $!
exec "$@"
