# A server with an agent, a repository, a good and a bad commit. Sourced by ./dev.

up_server=''
stop_server() {
    [ -n "$up_server" ] || return 0
    kill "$up_server" 2>/dev/null || true
    wait "$up_server" 2>/dev/null || true
    up_server=''
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A field of DATA/server.json, which the server writes once it serves.
server_field() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$up/data/server.json" "$1"; }

start_server() {
    local port=0 log=$up/server.log deadline=$((SECONDS + 30))
    port_is_free 8080 && port=8080
    say "starting sluice-server ${dim}($log)${plain}"
    # Jobs inherit this PATH: Debian's python3 first, since flake8 and pytest come from its packages.
    PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH "$bin/sluice-server" --data "$up/data" \
        --listen "127.0.0.1:$port" --embedded-agent --local-root "$up" >"$log" 2>&1 </dev/null &
    up_server=$!
    trap 'stop_server; stop_child' EXIT
    until [ -s "$up/data/server.json" ] && [ -s "$up/data/admin-token" ]; do
        kill -0 "$up_server" 2>/dev/null || { tail -n 20 "$log" >&2 && die "the server ended; see $log"; }
        [ $SECONDS -lt $deadline ] || { tail -n 20 "$log" >&2 && die "the server is not ready after 30 s; see $log"; }
        sleep 0.05
    done
    SLUICE_URL=$(server_field address)
    case "$SLUICE_URL" in http*) ;; *) SLUICE_URL=http://$SLUICE_URL ;; esac
    SLUICE_TOKEN=$(cat "$up/data/admin-token")
    export SLUICE_URL SLUICE_TOKEN
    note "serving at $SLUICE_URL"
}

git_as_demo() { git -C "$up/work" -c user.name=Demo -c user.email=demo@example.org "$@"; }

# push_commit MESSAGE: commits all of the work tree, pushes it to main, sets $sha.
push_commit() {
    git_as_demo add -A
    git_as_demo commit -q -m "$1"
    sha=$(git_as_demo rev-parse HEAD)
    say "pushing ${sha:0:10}: $1"
    git_as_demo push -q origin HEAD:main 2>&1 | sed 's/^remote: //; s/^/    /'
}

# expect_gate green|red: waits for the verdict on $sha and shows it.
expect_gate() {
    local wanted=$1 code=0 expected=0
    [ "$wanted" = red ] && expected=1
    "$bin/sluice" gate "$sha" --project shortener --wait --timeout "${SLUICE_UP_PATIENCE:-5m}" || code=$?
    [ $code -eq $expected ] || {
        "$bin/sluice" run list --project shortener || true
        die "expected a $wanted gate (exit $expected), got exit $code; server log: $up/server.log"
    }
}

# The failing tests with their lines, as `sluice run show` prints them.
show_failure() {
    local run
    run=$("$bin/sluice" run list --project shortener --sha "$sha" --json |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["runs"][0]["id"])')
    "$bin/sluice" run show "$run" | tee "$up/run-show.txt"
    grep -qE 'tests/test_app\.py:[0-9]+' "$up/run-show.txt" || die "the failing test's line is not shown"
}

cmd_up() {
    local once=0 full=0 preset=release sha=''
    up=$root/build/up bin=''
    while [ $# -gt 0 ]; do
        case "$1" in
            --once) once=1 ;;
            --full) full=1 ;;
            --preset) preset=${2:?a preset after --preset} && shift ;;
            # For tests: programs that are built already, and a folder of their own.
            --bin) bin=$(cd "${2:?a folder after --bin}" && pwd) && shift ;;
            --dir) up=${2:?a folder after --dir} && shift ;;
            *) die "usage: ./dev up [--once] [--full] [--preset NAME]" ;;
        esac
        shift
    done
    if [ -s "$up/data/server.json" ] && kill -0 "$(server_field pid)" 2>/dev/null; then
        die "already up at $(server_field address); stop it with: kill $(server_field pid)"
    fi

    if [ -z "$bin" ]; then
        need up
        [ $full = 0 ] || { need container && need_ml; }
        build "$preset"
        bin=$root/build/$preset/bin
    fi
    rm -rf "$up" && mkdir -p "$up/work" build/logs
    start_server

    say "a project from examples/python-service"
    git init -q --bare -b main "$up/shortener.git"
    "$bin/sluice" project add shortener "$up/shortener.git"
    "$bin/sluice" hooks install "$up/shortener.git" --project shortener
    git init -q -b main "$up/work"
    git -C "$up/work" remote add origin "$up/shortener.git"
    cp -R examples/python-service/. "$up/work/"

    push_commit "Shorten links"
    expect_gate green

    # A plausible slip: permanent redirects would be kept by browsers, and a test knows.
    sed -i 's/^REDIRECT = .*/REDIRECT = "301 Moved Permanently"/' "$up/work/shortener/app.py"
    push_commit "Redirect permanently"
    expect_gate red
    show_failure

    say "${green}a good commit was green, a bad one red${plain}"
    if [ $full = 1 ]; then
        local options=()
        [ $once = 1 ] && options=(--once)
        "$python" "$root/tools/dev/up_full.py" --programs "$bin" --folder "$up" "${options[@]}" || exit 1
    fi
    [ $once = 1 ] && return 0
    cat <<TXT

    page      $SLUICE_URL/login#token=$SLUICE_TOKEN
    work tree $up/work   (commit and: git push origin HEAD:main)
    terminal  export SLUICE_URL=$SLUICE_URL SLUICE_TOKEN=$SLUICE_TOKEN
              $bin/sluice run list
    stop      Ctrl-C

TXT
    wait "$up_server"
}
