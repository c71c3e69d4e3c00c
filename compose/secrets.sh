#!/bin/sh
# Writes compose/.env from env.example, with a random secret for each that needs one.
# Leaves one that is there alone. Needs nothing but a shell.
set -eu
umask 077
here=$(dirname "$0")
target="$here/.env"

if [ -e "$target" ]; then
    echo "$target is there already: nothing was changed." >&2
    exit 0
fi

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

while IFS= read -r line; do
    case $line in
        "#"* | "" | *=?*) printf '%s\n' "$line" ;;
        *=) printf '%s%s\n' "$line" "$(random)" ;;
    esac
done < "$here/env.example" > "$target"
echo "$target holds fresh secrets; ADMIN_PASSWORD in it is the password of user admin."
