#!/bin/sh
# The examples of one language meet: two rooms and a listener, then two that greet each other.
#
#   meet_test.sh PATH/TO/room PATH/TO/listen PATH/TO/message CHANNEL
set -eu

if [ -z "${PARLOR_TEST_URL:-}" ]; then
    echo "skipped: PARLOR_TEST_URL names no server" >&2
    exit 77
fi
room=$1
listen=$2
message=$3
channel=$4
folder=$(mktemp -d)
started=
trap 'for pid in $started; do kill "$pid" 2>/dev/null || true; done; rm -rf "$folder"' EXIT

# Starts a program under a name; its process is $pid.
start() {
    "$1" "$PARLOR_TEST_URL" pk_dev "$channel" --seconds 300 >"$folder/$2" 2>"$folder/$2.errors" &
    pid=$!
    started="$started $pid"
}

# Waits, within a bound, until a program has printed such a line.
expect() {
    tries=0
    until grep -Eq "$2" "$folder/$1"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then
            echo "meet_test.sh: $1 printed no line \`$2\`" >&2
            tail -n +1 "$folder"/* >&2
            exit 1
        fi
        sleep 0.1
    done
}

# Interrupts a program, as Ctrl-C does, and waits for its good end.
finish() {
    kill -INT "$1"
    wait "$1"
}

start "$room" ann
ann=$pid
expect ann "^joined $channel as .+"
start "$listen" listener
listener=$pid
start "$room" bob
bob=$pid
for name in ann bob; do
    expect $name '^[^ ]+ joined$'
    expect $name '^[^ ]+ is connected$'
    expect $name '^[^ ]+ sends \{"role":"camera"\}$'
done
expect listener "^listening in $channel\$"
expect listener '^track [0-9]+: -1[0-9] dBFS$'
expect listener '^track [0-9]+: picture 31, 640x360, top left [0-9]+$'
finish "$bob"
expect bob '^left$'
expect ann '^[^ ]+ sends a stream no more$'
expect ann '^[^ ]+ left$'
finish "$listener"
finish "$ann"

start "$message" first
first=$pid
expect first "^joined $channel\$"
start "$message" second
second=$pid
expect first '^peer [0-9]+ to all: \{"text":"hello, all"\}$'
for name in first second; do
    expect $name '^peer [0-9]+ to me: \{"text":"hello, you"\}$'
    expect $name '^peer [0-9]+ on its channel: hello, straight$'
done
finish "$first"
finish "$second"

# What cannot be is said, and the exit code tells it.
if "$room" ws://example.org pk_dev "$channel" </dev/null 2>"$folder/refused"; then
    echo "meet_test.sh: a refused address is no failure" >&2
    exit 1
fi
expect refused '^room: .+'
