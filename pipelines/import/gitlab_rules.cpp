#include "pipelines/import/gitlab_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer::gitlab {

namespace {

std::string globs(const std::vector<std::string>& list) {
    std::string out;
    for (const std::string& glob : list) {
        std::string text = glob.starts_with("./") ? glob.substr(2) : glob;
        std::string quoted;
        for (char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
        out += (out.empty() ? "'" : ", '") + quoted + "'";
    }
    return out;
}

/// All of them; true for none.
std::string all(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts)
        if (part != "true") out += (out.empty() ? "" : " && ") + part;
    if (out.empty()) return "true";
    return out.find(" && ") == std::string::npos ? out : "(" + out + ")";
}

std::string either(const std::string& a, const std::string& b) {
    if (a == "true" || b == "true") return "true";
    if (a == "false") return b;
    if (b == "false") return a;
    return "(" + a + " || " + b + ")";
}

std::string both(const std::string& a, const std::string& b) {
    if (a == "false" || b == "false") return "false";
    if (a == "true") return b;
    if (b == "true") return a;
    return "(" + a + " && " + b + ")";
}

std::string negated(const std::string& text) {
    if (text == "true") return "false";
    if (text == "false") return "true";
    return "(not " + text + ")";
}

/// One rule's condition; nothing after a note.
std::optional<std::string> rule_condition(Ledger& ledger, const Node& rule, const std::string& key,
                                          const std::map<std::string, std::string>& variables) {
    std::vector<std::string> parts;
    if (const Node* text = ledger.take(rule, "if")) {
        auto translated = condition(text->text, variables);
        if (!translated) {
            ledger.lost(
                text->place, key + ".if",
                fmt::format("`{}`: {}", config::shown(text->text), translated.error().message));
            return std::nullopt;
        }
        parts.push_back(*translated);
    }
    if (const Node* changes = ledger.take_whole(rule, "changes")) {
        const Node* paths = changes->is_map() ? changes->find("paths") : changes;
        if (changes->is_map() && changes->find("compare_to") != nullptr)
            ledger.changed(changes->place, key + ".changes.compare_to",
                           "changes are those against the base of the event");
        if (paths != nullptr) parts.push_back("changed(" + globs(texts_of(paths)) + ")");
    }
    if (const Node* exists = ledger.take_whole(rule, "exists")) {
        const Node* paths = exists->is_map() ? exists->find("paths") : exists;
        if (paths != nullptr) parts.push_back("exists(" + globs(texts_of(paths)) + ")");
    }
    return all(parts);
}

std::string bare(std::string text) {
    return text == "true" ? "" : text;
}

/// One entry of `only` or `except`: a name of a kind of ref, of a branch or a pattern.
std::optional<std::string> ref_condition(const std::string& ref,
                                         const std::map<std::string, std::string>& variables) {
    static const std::map<std::string, std::string> kinds{
        {"branches", "(event == 'push')"},
        {"tags", "(event == 'tag')"},
        {"merge_requests", "(event == 'pull_request')"},
        {"pushes", "(event in ['push', 'tag'])"},
        {"web", "(event == 'manual')"},
        {"api", "(event == 'manual')"},
        {"schedules", "(event == 'schedule')"},
        {"triggers", "false"},
        {"pipelines", "false"},
        {"external", "false"},
        {"external_pull_requests", "false"},
        {"chat", "false"}};
    if (const auto found = kinds.find(ref); found != kinds.end()) return found->second;
    if (!ref.starts_with('/')) {
        std::string quoted;
        for (char c : ref.substr(0, ref.find('@')))
            quoted += c == '\'' ? std::string("''") : std::string(1, c);
        return "((branch ?? tag) == '" + quoted + "')";
    }
    auto translated = condition("$CI_COMMIT_REF_NAME =~ " + ref, variables);
    if (!translated) return std::nullopt;
    return *translated;
}

/// The condition of `only` or of `except`; nothing after a note.
std::optional<std::string> refs_condition(Ledger& ledger, const Node& node, const std::string& key,
                                          const std::map<std::string, std::string>& variables,
                                          bool only, Selection& out) {
    std::vector<std::string> parts;
    const Node* refs = node.is_map() ? ledger.take_whole(node, "refs") : &node;
    if (refs != nullptr) {
        std::string any = "false";
        for (const std::string& ref : texts_of(refs)) {
            auto text = ref_condition(ref, variables);
            if (!text) {
                ledger.lost(node.place, key,
                            fmt::format("`{}`: no counterpart here", config::shown(ref)));
                return std::nullopt;
            }
            out.merge_requests = out.merge_requests || (only && ref == "merge_requests");
            any = either(any, *text);
        }
        if (only && texts_of(refs) == std::vector<std::string>{"merge_requests"})
            out.only_merge_requests = true;
        parts.push_back(any);
    }
    if (const Node* list = node.is_map() ? ledger.take_whole(node, "variables") : nullptr) {
        std::string any = "false";
        for (const std::string& expression : texts_of(list)) {
            auto text = condition(expression, variables);
            if (!text) {
                ledger.lost(
                    list->place, key + ".variables",
                    fmt::format("`{}`: {}", config::shown(expression), text.error().message));
                return std::nullopt;
            }
            any = either(any, *text);
        }
        parts.push_back(any);
    }
    if (const Node* changes = node.is_map() ? ledger.take_whole(node, "changes") : nullptr)
        parts.push_back("changed(" + globs(texts_of(changes)) + ")");
    // `only` wants all of its parts, `except` any.
    std::string text = only ? "true" : "false";
    for (const std::string& part : parts) text = only ? both(text, part) : either(text, part);
    return text;
}

}  // namespace

std::optional<Selection> from_rules(Ledger& ledger, const Node& rules, const std::string& path,
                                    const std::map<std::string, std::string>& variables) {
    struct Rule {
        std::string condition, when;
    };
    std::vector<Rule> list;
    Selection out;
    for (std::size_t i = 0; i < rules.items.size(); ++i) {
        const Node& node = rules.items[i];
        const std::string key = fmt::format("{}[{}]", path, i);
        if (!node.is_map()) {
            ledger.lost(node.place, key, "a rule that is kept elsewhere");
            return std::nullopt;
        }
        auto text = rule_condition(ledger, node, key, variables);
        if (!text) {
            ledger.whole(rules);
            for (const Node& rule : rules.items) ledger.whole(rule);
            return std::nullopt;
        }
        const std::string when = text_of(ledger.take(node, "when"));
        out.allow_failure = out.allow_failure || is_true(ledger.take_whole(node, "allow_failure"));
        list.push_back({*text, when.empty() ? "on_success" : when});
        if (when != "never" && text->find("pull_request") != std::string::npos)
            out.merge_requests = true;
    }
    // The first rule that holds decides: folded from the end.
    std::string text = "false";
    for (auto rule = list.rbegin(); rule != list.rend(); ++rule) {
        if (rule->when == "never") {
            text = both(negated(rule->condition), text);
            continue;
        }
        text = either(rule->condition, text);
        if (rule->when == "on_success") continue;
        if (!out.when.empty() && out.when != rule->when)
            ledger.changed(rules.place, path, "its rules disagree about `when`");
        out.when = rule->when;
    }
    const bool mixed = !out.when.empty() &&
                       std::any_of(list.begin(), list.end(),
                                   [](const Rule& rule) { return rule.when == "on_success"; });
    if (mixed)
        ledger.changed(rules.place, path,
                       fmt::format("`when: {}` now holds for all its rules", out.when));
    out.text = bare(text);
    return out;
}

std::optional<Selection> from_only_except(Ledger& ledger, const Node* only, const Node* except,
                                          const std::string& path,
                                          const std::map<std::string, std::string>& variables) {
    Selection out;
    std::string text = "true";
    if (only != nullptr) {
        auto wanted = refs_condition(ledger, *only, path + ".only", variables, true, out);
        if (!wanted) return std::nullopt;
        text = *wanted;
    }
    if (except != nullptr) {
        Selection ignored;
        auto unwanted =
            refs_condition(ledger, *except, path + ".except", variables, false, ignored);
        if (!unwanted) return std::nullopt;
        text = both(text, negated(*unwanted));
    }
    out.text = bare(text);
    return out;
}

}  // namespace sluice::importer::gitlab
