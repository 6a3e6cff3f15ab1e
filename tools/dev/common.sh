# Messages, logged commands and small facts about the machine. Sourced by ./dev.

export LC_ALL=C.UTF-8
# Debian's own interpreter: the packages of `./dev setup` belong to it, whatever else is first on PATH.
python=/usr/bin/python3

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' red='' green='' dim='' plain=''
fi

say() { printf '%s==>%s %s\n' "$bold$green" "$plain" "$*"; }
note() { printf '    %s\n' "$*"; }
die() {
    printf '%serror:%s %s\n' "$bold$red" "$plain" "$*" >&2
    exit 1
}

# Compilers of this code take up to 1.5 GB each: as many as fit, at most one per core.
parallel_jobs() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
    [ "$memory" -lt 1 ] && memory=1
    [ "$memory" -lt "$cores" ] && cores=$memory
    echo "$cores"
}

# The newest line of a log, without control characters, fit for one terminal line.
last_line() { tail -c 2000 "$1" | tr '\r' '\n' | tr -cd '[:print:]\n' | grep -v '^ *$' | tail -n 1 | cut -c 1-90; }

running_child=''
stop_child() {
    [ -n "$running_child" ] && kill "$running_child" 2>/dev/null && wait "$running_child" 2>/dev/null
    running_child=''
}

# logged NAME TEXT COMMAND…: runs it with its output in build/logs/NAME.log and shows that it lives.
# On failure the errors and the end of the log are printed; returns the command's exit code.
logged() {
    local name=$1 text=$2 log=build/logs/$1.log started=$SECONDS shown=$SECONDS code=0
    shift 2
    mkdir -p build/logs
    say "$text ${dim}($log)${plain}"
    "$@" >"$log" 2>&1 </dev/null &
    running_child=$!
    while kill -0 "$running_child" 2>/dev/null; do
        sleep 0.2
        if [ -t 1 ]; then
            printf '\r\e[K    %s%4ds  %s%s' "$dim" $((SECONDS - started)) "$(last_line "$log")" "$plain"
        elif [ $((SECONDS - shown)) -ge 15 ]; then
            shown=$SECONDS
            note "$((SECONDS - started))s  $(last_line "$log")"
        fi
    done
    [ -t 1 ] && printf '\r\e[K'
    wait "$running_child" || code=$?
    running_child=''
    if [ $code -ne 0 ] && [ "${quiet_failure:-0}" = 0 ]; then
        grep -nE '(^|[ :])(fatal )?error:|FAILED:|^E: |undefined reference' "$log" | head -n 20 >&2 || true
        printf -- '--- end of %s ---\n' "$log" >&2
        tail -n 25 "$log" >&2
    fi
    return $code
}

trap stop_child EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
