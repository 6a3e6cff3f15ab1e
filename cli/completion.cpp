#include "cli/completion.hpp"

#include <algorithm>

namespace sluice::cli {
namespace {

const CLI::App* subcommand(const CLI::App& app, const std::string& name) {
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
        if (sub->get_name() == name) return sub;
    return nullptr;
}

/// The option of this command or of one above it.
const CLI::Option* option(const CLI::App* app, const std::string& name) {
    for (; app != nullptr; app = app->get_parent())
        for (const auto* candidate : app->get_options())
            if (!candidate->get_positional() && candidate->check_name(name)) return candidate;
    return nullptr;
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

class Candidates {
public:
    explicit Candidates(std::string typed) : typed_(std::move(typed)) {}

    void add(const std::string& word) {
        if (word.starts_with(typed_)) found_.words.push_back(word);
    }
    void add_values(const CLI::Option& option, const Names& names) {
        // A positional says by its name what it is, an option by the name of its value.
        std::string kind =
            (option.get_positional() ? option.get_single_name() : "") + option.get_type_name();
        if (kind.starts_with("FILE") || kind.starts_with("REPO") || kind.starts_with("DIR"))
            found_.files = true;
        for (const auto& word : closed_list(kind)) add(word);
        for (const auto& word : names(kind.substr(0, kind.find(':')))) add(word);
    }
    Completion take() {
        std::sort(found_.words.begin(), found_.words.end());
        found_.words.erase(std::unique(found_.words.begin(), found_.words.end()),
                           found_.words.end());
        return std::move(found_);
    }

private:
    /// CLI11 describes an IsMember check as `TEXT:{git,github}`.
    static std::vector<std::string> closed_list(const std::string& kind) {
        std::vector<std::string> words;
        auto open = kind.find(":{");
        if (open == std::string::npos || kind.back() != '}') return words;
        std::string list = kind.substr(open + 2, kind.size() - open - 3);
        for (std::size_t begin = 0; begin <= list.size();) {
            auto end = std::min(list.find(',', begin), list.size());
            words.push_back(list.substr(begin, end - begin));
            begin = end + 1;
        }
        return words;
    }

    std::string typed_;
    Completion found_;
};

}  // namespace

Completion complete(const CLI::App& app, const std::vector<std::string>& words,
                    const Names& names) {
    const CLI::App* at = &app;
    const CLI::Option* open = nullptr;  // an option that still wants its value
    std::size_t positionals = 0;
    bool only_positionals = false;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (open != nullptr) {
            open = nullptr;
        } else if (word == "--" && !only_positionals) {
            only_positionals = true;
        } else if (word.starts_with("-") && word.size() > 1 && !only_positionals) {
            if (word.find('=') != std::string::npos) continue;
            const auto* named = option(at, word);
            if (named != nullptr && takes_value(*named)) open = named;
        } else if (const auto* sub = subcommand(*at, word); sub != nullptr && positionals == 0) {
            at = sub;
        } else {
            ++positionals;
        }
    }

    std::string typed = words.empty() ? "" : words.back();
    Candidates candidates(typed);
    if (open != nullptr) {
        candidates.add_values(*open, names);
        return candidates.take();
    }
    if (typed.starts_with("-") && !only_positionals) {
        for (const CLI::App* level = at; level != nullptr; level = level->get_parent())
            for (const auto* named : level->get_options()) {
                if (named->get_positional() || named->get_group().empty()) continue;
                for (const auto& name : named->get_lnames()) candidates.add("--" + name);
                for (const auto& name : named->get_snames()) candidates.add("-" + name);
            }
        return candidates.take();
    }
    if (positionals == 0)
        for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; }))
            if (!sub->get_group().empty()) candidates.add(sub->get_name());
    std::size_t index = 0;
    for (const auto* positional : at->get_options()) {
        if (!positional->get_positional()) continue;
        bool last_takes_more = positional->get_items_expected_max() > 1 && positionals >= index;
        if (index++ == positionals || last_takes_more) candidates.add_values(*positional, names);
    }
    return candidates.take();
}

std::optional<std::string> completion_script(std::string_view shell) {
    // The first line of an answer is `files` or `words`, candidates follow.
    if (shell == "bash")
        return R"(_sluice() {
    local answer words
    # "$COMP_CWORD" is the word under the cursor; what stands behind it does not count.
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    mapfile -t answer < <(sluice __complete -- "${words[@]}" 2>/dev/null)
    COMPREPLY=("${answer[@]:1}")
    if [ "${answer[0]:-}" = files ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}
complete -F _sluice sluice
)";
    if (shell == "zsh")
        return R"(#compdef sluice
_sluice() {
    local -a answer candidates
    answer=("${(@f)$(sluice __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    candidates=("${(@)answer[2,-1]}")
    (( ${#candidates} )) && compadd -- "${candidates[@]}"
    [[ ${answer[1]} == files ]] && _files
}
if [ "$funcstack[1]" = _sluice ]; then _sluice "$@"; else compdef _sluice sluice; fi
)";
    if (shell == "fish")
        return R"(function __sluice_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer (sluice __complete -- $words[2..-1] 2>/dev/null)
    test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    test "$answer[1]" = files; and __fish_complete_path (commandline -ct)
end
complete -c sluice -f -a '(__sluice_complete)'
)";
    return std::nullopt;
}

}  // namespace sluice::cli
