#!/bin/sh
# Two runs of the C++ example and one of the C example meet; checks what the first reports.
#
#   examples_test.sh PATH/TO/call PATH/TO/hello PATH/TO/examples/media
set -eu

if [ -z "${PARLOR_TEST_URL:-}" ]; then
    echo "skipped: PARLOR_TEST_URL names no server" >&2
    exit 77
fi
call=$1
hello=$2
media=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run_call() {
    "$call" --url "$PARLOR_TEST_URL" --channel examples --name "$1" --seconds 6 --out "$folder" --json \
        --video "$media/bunny.ivf" --audio "$media/speech.ogg" --reference "$media/bunny.ivf"
}
"$hello" "$PARLOR_TEST_URL" examples 6 >"$folder/hello.txt" &
hello_pid=$!
run_call bob >"$folder/bob.json" &
bob_pid=$!
run_call alice >"$folder/alice.json"
wait "$bob_pid" "$hello_pid"

fail() {
    echo "examples_test.sh: $1" >&2
    cat "$folder"/*.json "$folder/hello.txt" >&2
    exit 1
}
for name in alice bob; do
    grep -q '"ok":true' "$folder/$name.json" || fail "$name is not ok"
    [ "$(grep -o '"role":"camera","video":{"codec":"VP8"' "$folder/$name.json" | wc -l)" -eq 2 ] ||
        fail "$name has not two remote cameras"
    grep -q '"psnr_db":[2-9][0-9]' "$folder/$name.json" || fail "$name saw no picture that it could compare"
    for number in 1 2; do
        [ -s "$folder/$name-$number.png" ] || fail "$name has no picture $number"
        [ "$(wc -c <"$folder/$name-$number.wav")" -gt 100000 ] || fail "$name has no second of sound $number"
    done
done
grep -q 'peer-joined' "$folder/hello.txt" || fail "hello met nobody"
