# Build, run ctest and pytest, and sum both up. Sourced by ./dev.

cmd_test() {
    local labels=() regex='' preset=dev
    while [ $# -gt 0 ]; do
        case "$1" in
            -L | --label) labels+=("${2:?a label after -L}") && shift ;;
            -R | --regex) regex=${2:?a regular expression after -R} && shift ;;
            --asan | --tsan) preset=${1#--} ;;
            *) die "usage: ./dev test [-L LABEL]… [-R REGEX] [--asan | --tsan]" ;;
        esac
        shift
    done
    # The sanitizers slow tests down five-fold: they run where the memory and the threads are.
    [ "$preset" != dev ] && [ ${#labels[@]} -eq 0 ] && labels=(unit protocol sim)

    local groups=(up test) label
    [ ${#labels[@]} -eq 0 ] && groups+=(ui container)
    for label in "${labels[@]}"; do
        [ "$label" = ui ] && groups+=(ui)
        [[ "$label" = container || "$label" = e2e ]] && groups+=(container)
    done
    need "${groups[@]}"
    # Asked for by name, the real tools are installed; in a run of everything a missing one skips its test.
    [[ " ${labels[*]} " = *" contract "* ]] && need contract && need_tools
    [[ ${#labels[@]} -eq 0 || " ${labels[*]} " = *" ml "* ]] && need_ml
    [[ ${#labels[@]} -eq 0 || " ${labels[*]} " = *" e2e "* ]] && need_s3 && need_lfs && need_uv
    build "$preset"

    # Children of a threaded program call only what posix_spawn and vfork allow; GCC 12's tsan ends them nevertheless.
    export TSAN_OPTIONS="die_after_fork=0 suppressions=$root/tests/tsan.supp ${TSAN_OPTIONS:-}"
    local started=$SECONDS reports=build/reports codes=()
    rm -rf "$reports" && mkdir -p "$reports"
    run_ctest "$preset" "$reports" "$regex" "${labels[@]}" && codes+=(0) || codes+=($?)
    run_pytest "$preset" "$reports" "$regex" "${labels[@]}" && codes+=(0) || codes+=($?)
    say "tests took $((SECONDS - started)) s"
    local options=(--ctest-exit "${codes[0]}" --pytest-exit "${codes[1]}")
    for label in "${labels[@]}"; do options+=(--label "$label"); done
    "$python" tools/dev/summary.py "$reports" "${options[@]}"
}

# run_ctest PRESET REPORTS REGEX LABEL…
run_ctest() {
    local preset=$1 reports=$2 regex=$3 options=()
    shift 3
    local joined
    joined=$(IFS='|' && echo "$*")
    [ $# -gt 0 ] && options+=(-L "^($joined)\$")
    [ -n "$regex" ] && options+=(-R "$regex")
    ctest --test-dir "build/$preset" --show-only=json-v1 "${options[@]}" >"$reports/ctest.json"
    quiet_failure=1 logged "ctest-$preset" "C++ tests" ctest --test-dir "build/$preset" --no-tests=ignore \
        --parallel "$(nproc)" --output-on-failure --output-junit "$root/$reports/ctest.xml" "${options[@]}"
}

# run_pytest PRESET REPORTS REGEX LABEL…: every folder of tests/ with test_*.py is a label of that name.
run_pytest() {
    local preset=$1 reports=$2 regex=$3 options=() joined
    shift 3
    joined=$(printf ' or %s' "$@")
    [ $# -gt 0 ] && options+=(-m "${joined# or }")
    [ -n "$regex" ] && options+=("--regex=$regex")
    # Each file as a whole in one of them: its tests may share a server.
    "$python" -c 'import xdist' 2>/dev/null && options+=(-n "$(nproc)" --dist loadfile)
    quiet_failure=1 logged "pytest-$preset" "Python tests" env SLUICE_BIN="$root/build/$preset/bin" SLUICE_PRESET="$preset" \
        "$python" -m pytest -c tests/pytest.ini --junitxml="$reports/pytest.xml" "${options[@]}" tests
}
