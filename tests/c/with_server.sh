#!/bin/sh
# Runs a program while a development server listens, whose address it gets as PARLOR_TEST_URL.
#
#   with_server.sh PATH/TO/parlor-server PROGRAM [ARGUMENT...]
set -eu

server=$1
shift
folder=$(mktemp -d)
mkfifo "$folder/output"
"$server" --dev --listen 127.0.0.1:0 >"$folder/output" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT

# The server prints its address once it listens. The rest of its output is drained, so that it never waits for us.
exec 3<"$folder/output"
PARLOR_TEST_URL=
while [ -z "$PARLOR_TEST_URL" ] && read -r line <&3; do
    PARLOR_TEST_URL=$(printf '%s\n' "$line" | sed -n 's|.*\(wss*://[^ ]*\).*|\1|p')
done
cat <&3 >/dev/null &
exec 3<&-
if [ -z "$PARLOR_TEST_URL" ]; then
    echo "with_server.sh: the server printed no address" >&2
    exit 1
fi
export PARLOR_TEST_URL
"$@"
