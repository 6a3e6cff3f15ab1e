#include "cli/usage.hpp"

#include "cli/term/text.hpp"
#include "pipelines/base/ids.hpp"
#include "pipelines/base/text.hpp"

#include <algorithm>
#include <optional>

namespace sluice::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(sub->get_name());
    return names;
}

bool takes_value(const CLI::App& app, const std::string& word) {
    const auto* option = app.get_option_no_throw(word);
    return option != nullptr && option->get_items_expected_max() > 0;
}

/// The deepest command that the words name, and the first word that is no command below it.
struct Walk {
    const CLI::App* at = nullptr;
    std::string path = "sluice";
    std::optional<std::string> unknown;
};

Walk walk(const CLI::App& app, const std::vector<std::string>& words) {
    Walk walk{&app};
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].starts_with("-")) {
            if (takes_value(app, words[i])) ++i;
            continue;
        }
        auto names = command_names(*walk.at);
        if (names.empty()) break;
        if (std::find(names.begin(), names.end(), words[i]) == names.end()) {
            walk.unknown = words[i];
            break;
        }
        walk.at = walk.at->get_subcommand(words[i]);
        walk.path += " " + words[i];
    }
    return walk;
}

}  // namespace

std::string explain_usage(const CLI::App& app, const std::vector<std::string>& words,
                          const std::string& parser_text) {
    Walk found = walk(app, words);
    std::string text = "error: ";
    auto names = command_names(*found.at);
    const bool takes_words =
        !found.at->get_options([](const CLI::Option* option) { return option->get_positional(); })
             .empty();
    if (found.unknown && !takes_words) {
        text += "unknown command '" + printable(*found.unknown) + "'";
        auto near = text::nearest(*found.unknown, names);
        text += near ? "; did you mean '" + *near + "'?" : "";
    } else if (!names.empty() && !takes_words) {
        std::string list;
        for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
        text += found.path + " needs a command: " + list;
    } else {
        text += printable(parser_text);
    }
    return text + "\nsee: " + found.path + " --help";
}

Exit usage_exit(const CLI::App& app, const std::vector<std::string>& words) {
    return walk(app, words).path == "sluice run" ? Exit::unknown : Exit::usage;
}

CLI::Validator id_of_run() {
    auto check = [](std::string& text) {
        if (RunId::parse(text)) return std::string{};
        return "'" + printable(text) + "' is not the id of a run; `sluice run list` shows ids";
    };
    return CLI::Validator(check, "");
}

}  // namespace sluice::cli
