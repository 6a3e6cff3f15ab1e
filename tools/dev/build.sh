# Configure and build by preset. Sourced by ./dev.

# build PRESET [TARGET…]
build() {
    local preset=$1 folder=build/$1
    shift
    if [ ! -f "$folder/build.ninja" ] || [ CMakePresets.json -nt "$folder/build.ninja" ]; then
        logged "configure-$preset" "configuring $folder" cmake --preset "$preset" || return
    fi
    logged "build-$preset" "building $folder" ninja -C "$folder" -j "$(parallel_jobs)" "$@"
}

cmd_build() {
    local preset=${1:-dev}
    [ $# -gt 0 ] && shift
    case "$preset" in
        release | dev | asan | tsan | coverage) need up ;;
        fuzz) need up check ;;
        *) die "no preset '$preset': release, dev, asan, tsan, coverage or fuzz" ;;
    esac
    build "$preset" "$@"
    say "built: build/$preset/bin"
}

cmd_bench() {
    need up test >&2
    build release >&2
    exec "$python" bench/run.py "$@"
}

cmd_sim() {
    local seeds=${1:-5000}
    case "$seeds" in '' | *[!0-9]*) die "usage: ./dev sim [SEEDS]" ;; esac
    need up test
    build dev sim_core
    SLUICE_SIM_SEEDS=$seeds exec build/dev/bin/sim_core "[sim]"
}

cmd_fuzz() {
    local wanted=${1:-} seconds=${2:-30} target corpus name failed=0
    case "$wanted" in '' | *[!0-9]*) ;; *) seconds=$wanted wanted='' ;; esac
    need up check
    build fuzz
    shopt -s nullglob
    local targets=(build/fuzz/bin/fuzz_*)
    [ ${#targets[@]} -gt 0 ] || die "no fuzz target was built"
    for target in "${targets[@]}"; do
        name=${target##*/fuzz_}
        [ -n "$wanted" ] && [ "$wanted" != "$name" ] && [ "$wanted" != "fuzz_$name" ] && continue
        corpus=build/fuzz/corpus/$name
        mkdir -p "$corpus" build/fuzz/findings
        local seeds=()
        [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
        logged "fuzz-$name" "fuzzing $name for $seconds s" "$target" -max_total_time="$seconds" -timeout=10 \
            -rss_limit_mb=2048 -artifact_prefix="build/fuzz/findings/$name-" "$corpus" "${seeds[@]}" || failed=1
        ran=1
    done
    [ "${ran:-0}" = 1 ] || die "no fuzz target '$wanted'; there are: ${targets[*]##*/fuzz_}"
    [ $failed = 0 ] || die "findings are in build/fuzz/findings/"
    say "no findings"
}
