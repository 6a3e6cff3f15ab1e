#include "pipelines/import/import.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/import/common.hpp"
#include "pipelines/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer {

namespace {

/// GitLab's `!reference [.job, key]` is a tag, which the loader refuses: it becomes a text of the
/// same place, which the converter resolves.
std::string without_reference_tags(std::string_view text) {
    std::string out;
    while (true) {
        const std::size_t at = text.find("!reference");
        const std::size_t open = at == std::string_view::npos ? at : text.find('[', at);
        const std::size_t close = open == std::string_view::npos ? open : text.find(']', open);
        if (close == std::string_view::npos) return out + std::string(text);
        const std::string_view inside = text.substr(open + 1, close - open - 1);
        const bool simple = text::trim(text.substr(at + 10, open - at - 10)).empty() &&
                            inside.find_first_of("\"'\n\\") == std::string_view::npos;
        out += text.substr(0, at);
        out += simple ? "\"!reference [" + std::string(inside) + "]\""
                      : std::string(text.substr(at, close + 1 - at));
        text.remove_prefix(close + 1);
    }
}

model::Event imagined(model::EventKind kind) {
    model::Event event;
    event.kind = kind;
    event.sha = std::string(40, 'a');
    if (kind == model::EventKind::tag) event.tag = "v1.0.0";
    if (kind == model::EventKind::push || kind == model::EventKind::manual) event.branch = "main";
    if (kind == model::EventKind::pull_request)
        event.pull_request =
            model::PullRequest{.number = 1, .source_branch = "change", .target_branch = "main"};
    return event;
}

/// What the server would say about the result.
void validate(const std::string& text, std::vector<Note>& notes) {
    std::vector<std::string> seen;
    for (auto kind : {model::EventKind::push, model::EventKind::tag, model::EventKind::pull_request,
                      model::EventKind::manual}) {
        plan::Input input;
        input.event = imagined(kind);
        input.files = {{".ci.yml", text}};
        input.tree = std::vector<config::expression::TreeFile>{{"README.md", "0"}};
        input.project_name = "project";
        input.run_number = 1;
        const plan::Outcome outcome = plan::make_plan(input);
        for (const config::Diagnostic& diagnostic : outcome.diagnostics) {
            if (diagnostic.severity != config::Severity::error) continue;
            // That no file matches is known only in the repository.
            if (diagnostic.message.find("hash_files") != std::string::npos) continue;
            std::string line = config::format(diagnostic);
            if (std::find(seen.begin(), seen.end(), line) != seen.end()) continue;
            notes.push_back({Weight::lost, 0, 0, "", "the result needs a hand: " + line, ""});
            seen.push_back(std::move(line));
        }
        if (!outcome.plan) continue;
        for (const plan::PlannedJob& job : outcome.plan->jobs)
            for (const std::string& sentence : job.unsupported) {
                std::string line = fmt::format("job `{}`: {}", job.spec.base, sentence);
                if (std::find(seen.begin(), seen.end(), line) != seen.end()) continue;
                notes.push_back({Weight::lost, 0, 0, "", "the result needs a hand: " + line, ""});
                seen.push_back(std::move(line));
            }
    }
}

Share share_of(const Out& out, const std::vector<Note>& notes) {
    Out copy = out;
    const Out* jobs = copy.find("jobs");
    if (jobs == nullptr || jobs->empty()) return Share::not_at_all;
    const bool spotless = std::all_of(notes.begin(), notes.end(),
                                      [](const Note& note) { return note.weight == Weight::info; });
    return spotless ? Share::fully : Share::partly;
}

}  // namespace

Imported import_pipeline(Origin origin, std::string_view path, std::string_view text) {
    Imported result;
    const std::string source = origin == Origin::gitlab
                                   ? without_reference_tags(config::without_bom(text))
                                   : std::string(config::without_bom(text));
    config::Diagnostics diagnostics;
    const int file = diagnostics.add_file(std::string(path), source);
    const std::optional<Node> root = config::parse_document(file, diagnostics);
    if (!root || !root->is_map()) {
        for (const config::Diagnostic& diagnostic : diagnostics.take())
            result.notes.push_back({Weight::lost, diagnostic.line, diagnostic.column, "",
                                    "the file cannot be read: " + diagnostic.message,
                                    diagnostic.hint});
        if (result.notes.empty())
            result.notes.push_back({Weight::lost, 0, 0, "", "the file holds no map", ""});
        return result;
    }
    Conversion work{*root, {}, Out::map()};
    work.out.comment(fmt::format("Converted from {} ({}).", config::shown(path), to_text(origin)));
    work.out.set("version", "1");
    switch (origin) {
        case Origin::github: convert_github(work); break;
        case Origin::gitlab: convert_gitlab(work); break;
        case Origin::woodpecker: convert_woodpecker(work); break;
    }
    work.ledger.sweep(*root);
    result.notes = work.ledger.notes();
    result.share = share_of(work.out, result.notes);
    if (result.share == Share::not_at_all) {
        result.notes.push_back({Weight::lost, 0, 0, "", "no job could be converted", ""});
        return result;
    }
    result.text = work.out.yaml();
    validate(result.text, result.notes);
    result.share = share_of(work.out, result.notes);
    return result;
}

std::string format(const Note& note, std::string_view file) {
    std::string out(file);
    if (note.line > 0) out += fmt::format(":{}:{}", note.line, note.column);
    out += fmt::format(": {}: ", to_text(note.weight));
    if (!note.key.empty()) out += note.key + ": ";
    out += note.message;
    if (!note.hint.empty()) out += " hint: " + note.hint;
    return out;
}

json::Value to_json(const Note& note) {
    return json::Object{{"weight", to_text(note.weight)}, {"line", note.line},
                        {"column", note.column},          {"key", note.key},
                        {"message", note.message},        {"hint", note.hint}};
}

}  // namespace sluice::importer
