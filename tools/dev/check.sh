# Formatting, layers, lint. Sourced by ./dev.

cpp_files() { git ls-files -- '*.cpp' '*.hpp' '*.c' '*.h'; }

cmd_format() {
    need check
    cpp_files | xargs -r clang-format-14 -i
    say "formatted"
}

# C++ files that differ from the main line: since the merge base on a branch, else the last commit; and what is not
# committed yet.
changed_cpp_files() {
    local base=''
    base=$(git merge-base HEAD origin/main 2>/dev/null) || base=''
    [ -n "$base" ] && [ "$base" != "$(git rev-parse HEAD)" ] || base=$(git rev-parse -q --verify HEAD~1) || base=HEAD
    { git diff --name-only --diff-filter=d "$base" -- '*.cpp'; git ls-files -o --exclude-standard -- '*.cpp'; } | sort -u
}

check_format() {
    cpp_files | xargs -r clang-format-14 --dry-run --Werror
}

check_tidy() {
    "$python" tools/dev/tidy_database.py build/dev build/tidy
    # Only what the build compiles: fuzz targets and generated files have no command here.
    "$python" tools/dev/tidy_database.py --filter build/tidy "$@" |
        xargs -r -d '\n' -n 1 -P "$(nproc)" clang-tidy-14 -p build/tidy --quiet --warnings-as-errors='*'
}

cmd_check() {
    local all=0 failed=() files=()
    case "${1:-}" in
        '') ;;
        --all) all=1 ;;
        *) die "usage: ./dev check [--all]" ;;
    esac
    need up check
    export -f check_format check_tidy cpp_files
    export python

    logged check-format "clang-format" bash -euo pipefail -c check_format || failed+=(format)
    logged check-arch "layers and fences" "$python" -m pytest -q -c tests/pytest.ini tests/arch || failed+=(arch)
    logged check-python "flake8" "$python" -m flake8 --max-line-length 125 --extend-ignore E203 tools tests bench examples || failed+=(python)
    logged check-shell "bash -n" bash -n dev .ci/run tools/dev/*.sh || failed+=(shell)

    if [ $all = 1 ]; then mapfile -t files < <(git ls-files -- '*.cpp'); else mapfile -t files < <(changed_cpp_files); fi
    if [ ${#files[@]} -gt 0 ]; then
        [ -f build/dev/build.ninja ] || logged configure-dev "configuring build/dev" cmake --preset dev
        logged check-tidy "clang-tidy on ${#files[@]} files" bash -euo pipefail -c 'check_tidy "$@"' tidy "${files[@]}" ||
            failed+=(clang-tidy)
    fi
    [ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
    say "all checks passed"
}
