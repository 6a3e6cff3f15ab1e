// completion SHELL, and the answers to what its scripts ask.
#include "cli/completion.hpp"
#include "cli/commands/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/local/pipeline.hpp"
#include "cli/term/text.hpp"
#include "pipelines/config/manual/page.hpp"

namespace sluice::cli {
namespace {

/// Asked at each press of Tab: names that a shell could misread are left out, and any trouble means
/// no names.
std::vector<std::string> names_on_server(Context& context, std::string_view kind) {
    struct Source {
        std::string_view kind;
        const char* path;
        const char* list;
        const char* field;
    };
    static constexpr Source sources[] = {{"PROJECT", "/api/v1/projects", "projects", "name"},
                                         {"AGENT", "/api/v1/agents", "agents", "name"},
                                         {"TOKEN", "/api/v1/tokens", "tokens", "name"},
                                         {"RUN", "/api/v1/runs", "runs", "id"}};
    std::vector<std::string> names;
    if (kind == "JOB") return local::job_ids();
    if (kind == "TOPIC") return config::manual::explained_topics();
    for (const auto& source : sources) {
        if (source.kind != kind) continue;
        auto server = context.api();
        if (!server) return names;
        auto reply = (*server)->get(source.path);
        if (!reply) return names;
        for (const auto& item : items_of(*reply, source.list)) {
            auto id = number_of(item, source.field);
            std::string name = id ? std::to_string(*id) : text_of(item, source.field);
            if (!name.empty() && name.find_first_of(" \t\r\n'\"`$\\;&|<>()") == std::string::npos)
                names.push_back(printable(name));
        }
    }
    return names;
}

Result<Exit> script(Context& context, const std::string& shell) {
    auto text = completion_script(shell);
    if (!text) return usage_error("no completion for '" + shell + "': bash, zsh or fish");
    context.out.write(*text);
    return Exit::ok;
}

}  // namespace

void answer_completion(Context& context, const std::vector<std::string>& words) {
    CLI::App app;
    GlobalOptions unused_globals;
    Command unused;
    add_all_commands(app, unused_globals, unused);
    auto names = [&](std::string_view kind) { return names_on_server(context, kind); };
    auto found = complete(app, words, names);
    context.out.line(found.files ? "files" : "words");
    for (const auto& word : found.words) context.out.line(word);
}

void add_completion_commands(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("completion", "A script that teaches your shell the commands");
    auto shell = std::make_shared<std::string>();
    sub->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name("");
    sub->footer(
        "bash: source <(sluice completion bash)\n"
        "zsh:  sluice completion zsh > \"${fpath[1]}/_sluice\"\n"
        "fish: sluice completion fish > ~/.config/fish/completions/sluice.fish");
    sub->callback([&chosen, shell] {
        chosen = [shell](Context& context) { return script(context, *shell); };
    });
}

}  // namespace sluice::cli
