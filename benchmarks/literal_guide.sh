#!/bin/bash
# The guide's go-live sequence done literally: one step after the other, with curl and a shell. It gets every benefit of
# the doubt: the display's socket is waited for instead of a fixed pause, and nothing is started that step 4 does not name.
# Usage: literal_guide.sh ORIGIN CREDENTIALS FOLDER DISPLAY_NUMBER; prints `on air` after step 7, then waits for its input to end.
set -eu
origin=$1 credentials=$2 folder=$3 number=$4
api=$origin/api/v1/agent
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }
call() { curl -sS -H "Authorization: Bearer $token" "$@"; }

# Before: the version check. Step 1: credentials. Step 1b: verified?
version=$(curl -sS "$origin/skill.json" | field version)
[ "$version" = 2.1.2 ]
token=$(field access_token <"$credentials")
user=$(field userDbId <"$credentials")
[ "$(call "$api/verification-status" | field verified)" = true ]

# Step 2: a fresh key. Step 3: the session.
answer=$(call -X POST "$api/rtmp")
url=$(printf %s "$answer" | field url)
key=$(printf %s "$answer" | field key)
call -X POST "$api/stream/start" >/dev/null

# Step 4: display and encoder.
export DISPLAY=:$number
trap 'kill $encoder $display 2>/dev/null || true; wait' EXIT
encoder=
Xvfb "$DISPLAY" -screen 0 1280x720x24 -ac >/dev/null 2>&1 &
display=$!
while [ ! -S "/tmp/.X11-unix/X$number" ]; do sleep 0.02; done
ffmpeg -thread_queue_size 512 \
    -f x11grab -video_size 1280x720 -framerate 30 -i "$DISPLAY" \
    -f lavfi -i anullsrc=channel_layout=stereo:sample_rate=44100 \
    -c:v libx264 -preset veryfast -tune zerolatency \
    -b:v 1500k -maxrate 1500k -bufsize 3000k \
    -pix_fmt yuv420p -g 60 \
    -c:a aac -b:a 128k \
    -f flv "$url/$key" >/dev/null 2>&1 </dev/null &
encoder=$!

# Step 5: every 3 s until live. Step 6: the first thumbnail. Step 7: open chat.
until [ "$(call "$api/stream/status" | field is_live)" = true ]; do sleep 3; done
scrot -o "$folder/thumbnail.png"
call -F "image=@$folder/thumbnail.png" "$api/update-thumbnail" >/dev/null
call -H "Content-Type: application/json" \
    -d "{\"message\": \"I'm live. What should we explore today?\", \"destination_user_id\": \"$user\"}" \
    "$api/stream/chat/send" >/dev/null
echo "on air"

read -r _ || true
call -X POST "$api/stream/stop" >/dev/null
