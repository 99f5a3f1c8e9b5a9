# shellcheck shell=bash
# Where the services of the testbed keep their files, and how they are started and stopped. Read by
# the other scripts of this folder with `source`.

# Folder of this testbed; two testbeds with folders of their own do not meet.
testbed_dir() {
    local dir=${POLYAXON_TESTBED_DIR:-$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")/.polyaxon/testbed}
    mkdir -p "$dir"
    realpath "$dir"
}

# Start time of a process: with it, a number that was given to another process is not taken for ours.
service_birth() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# service_running DIR: whether the service that keeps its files in DIR runs.
service_running() {
    local pid birth
    read -r pid birth 2>/dev/null <"$1/pid" || return 1
    [ -n "$birth" ] && [ "$(service_birth "$pid")" = "$birth" ]
}

# Files that the caller has open, a lock among them, are not a service's.
close_files() {
    local file
    for file in "/proc/$BASHPID/fd"/*; do
        file=${file##*/}
        [ "$file" -le 2 ] || exec {file}>&-
    done
}

# service_start DIR COMMAND...: starts it in the background, output in DIR/log.
service_start() {
    local dir=$1 pid
    shift
    : >"$dir/log"
    # A session of its own: Ctrl-C in the terminal must not reach it before `stop` does. The folder
    # of the one who starts it may go away.
    (cd / && close_files && exec setsid "$@" </dev/null >"$dir/log" 2>&1) &
    pid=$!
    echo "$pid $(service_birth "$pid")" >"$dir/pid"
}

# service_wait DIR NAME SECONDS COMMAND...: waits until COMMAND succeeds. COMMAND sees the names that
# are local here, so none of them is a name that the other scripts use.
service_wait() {
    local service=$1 name=$2 tenths=$(($3 * 10))
    shift 3
    while ! "$@"; do
        if ! service_running "$service" || [ $((tenths -= 1)) -le 0 ]; then
            tail -n 20 "$service/log" >&2
            echo "testbed: $name did not start, see the lines above and \`$service/log\`" >&2
            return 1
        fi
        sleep 0.1
    done
}

# service_stop DIR: SIGTERM, SIGKILL after thirty seconds.
service_stop() {
    local dir=$1 pid tenths=300
    if service_running "$dir"; then
        pid=$(cut -d ' ' -f 1 "$dir/pid")
        kill -TERM "$pid" 2>/dev/null || true
        while service_running "$dir"; do
            if [ $((tenths -= 1)) -le 0 ]; then
                kill -KILL "$pid" 2>/dev/null || true
                break
            fi
            sleep 0.1
        done
    fi
    rm -f "$dir/pid"
}
