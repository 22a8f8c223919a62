#!/bin/sh
# The C example, as it is or under a program that checks it, in a call with a partner that is not checked.
#
#   hello_test.sh PATH/TO/partner SECONDS [CHECKER [OPTION...]] PATH/TO/hello
set -eu

if [ -z "${PARLOR_TEST_URL:-}" ]; then
    echo "skipped: PARLOR_TEST_URL names no server" >&2
    exit 77
fi
partner=$1
seconds=$2
shift 2
folder=$(mktemp -d)
hello_pid=
trap 'kill $hello_pid 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() {
    echo "hello_test.sh: $1" >&2
    cat "$folder/hello.txt" >&2
    exit 1
}
"$@" "$PARLOR_TEST_URL" hello "$seconds" >"$folder/hello.txt" &
hello_pid=$!
"$partner" hello || fail "the partner did not get what it waited for"
wait "$hello_pid" || fail "hello ended with $?"
hello_pid=
for event in joined peer-joined track-added data peer-left; do
    grep -q "^$event " "$folder/hello.txt" || fail "hello was not told $event"
done
