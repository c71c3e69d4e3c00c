#!/bin/sh
# Becomes the store, with the users of users.acl beside it and the passwords of the environment.
#   sh start.sh OPTION...       options of valkey-server; VALKEY_SERVER names another program
# The list that it writes has one line a user, and SHA-256 digests in place of passwords.
set -eu
umask 077
here=$(dirname "$0")
users=${ACL_FILE:-/tmp/users.acl}

awk '
function digest(name,   command, line) {
    if (length(ENVIRON[name]) < 16) {
        print "start.sh: " name " is missing, or shorter than 16 characters" > "/dev/stderr"
        exit 1
    }
    command = "printf %s \"$" name "\" | sha256sum"
    command | getline line
    close(command)
    return substr(line, 1, 64)
}
/^#/ || /^ *$/ { next }
{
    while (match($0, />\$\{[A-Z_]+\}/)) {
        name = substr($0, RSTART + 3, RLENGTH - 4)
        $0 = substr($0, 1, RSTART - 1) "#" digest(name) substr($0, RSTART + RLENGTH)
    }
    if (/^ / || !begun) printf "%s", $0
    else printf "\n%s", $0
    begun = 1
}
END { print "" }' "$here/users.acl" > "$users"

exec "${VALKEY_SERVER:-valkey-server}" "$here/valkey.conf" --aclfile "$users" "$@"
