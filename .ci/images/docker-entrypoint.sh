#!/bin/sh
# What the official images' entrypoint does: bare options mean the server, and the server does not run as root.
set -eu

if [ "${1#-}" != "${1:-}" ] || [ "${1%.conf}" != "${1:-}" ]; then
	set -- redis-server "$@"
fi
case "${1:-}" in
redis-server | valkey-server)
	if [ "$(id -u)" = 0 ]; then
		find . ! -user "$SERVER_USER" -exec chown "$SERVER_USER" '{}' +
		exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_USER" --clear-groups "$@"
	fi
	;;
esac
exec "$@"
