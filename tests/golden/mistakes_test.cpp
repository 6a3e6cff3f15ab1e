/// What people get wrong, and what they are told: mistakes/*.txt. A case is a title, the file, and
/// after `---` its diagnostics: `line:col severity id topic`, the message, the hint. `version` and
/// `on` are added at the end where a case does not write them. SLUICE_UPDATE_GOLDEN=1 writes what
/// comes of it now; read each as somebody would who sees it for the first time.
#include "pipelines/base/enum_text.hpp"
#include "pipelines/config/manual/page.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

using namespace sluice;
namespace fs = std::filesystem;

namespace {

const fs::path k_folder = fs::path(SLUICE_SOURCE_DIR) / "tests" / "golden" / "mistakes";

struct Case {
    std::string title;
    std::string file;      ///< as written
    std::string expected;  ///< what stands after `---`
};

std::vector<Case> read_cases(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<Case> out;
    bool is_file = true;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("### ")) {
            out.push_back({line.substr(4), "", ""});
            is_file = true;
        } else if (line == "---") {
            is_file = false;
        } else if (!line.empty() && !out.empty()) {
            (is_file ? out.back().file : out.back().expected) += line + "\n";
        }
    }
    return out;
}

bool has_key(const std::string& text, const std::string& key) {
    return text.starts_with(key + ":") || text.find("\n" + key + ":") != std::string::npos;
}

std::string whole(const Case& mistake) {
    std::string out = mistake.file;
    if (!has_key(out, "version")) out += "version: 1\n";
    if (!has_key(out, "on"))
        out +=
            "on: { push: {}, pull_request: {}, tag: [v*], manual: {}, schedule: [{ cron: "
            "'@daily' }] }\n";
    return out;
}

plan::Outcome outcome_of(const Case& mistake) {
    plan::Input input;
    input.event.kind = model::EventKind::push;
    input.event.branch = "main";
    input.event.sha = "0123456789abcdef0123456789abcdef01234567";
    input.files = {{".ci.yml", whole(mistake)}};
    return plan::make_plan(input);
}

std::string said(const plan::Outcome& outcome) {
    std::string out;
    for (const config::Diagnostic& d : outcome.diagnostics) {
        out += fmt::format("{}:{} {} {} {}\n    {}\n", d.line, d.column, to_text(d.severity), d.id,
                           d.topic, d.message);
        if (!d.hint.empty()) out += fmt::format("    hint: {}\n", d.hint);
    }
    if (outcome.plan)
        for (const plan::PlannedJob& job : outcome.plan->jobs)
            for (const std::string& text : job.unsupported)
                out += fmt::format("refused {}: {}\n", job.spec.id, text);
    return out;
}

std::vector<fs::path> files() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(k_folder)) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

TEST_CASE("every mistake is told as recorded", "[golden][mistakes]") {
    const char* update = std::getenv("SLUICE_UPDATE_GOLDEN");
    std::set<std::string> titles;
    for (const fs::path& path : files()) {
        std::string now;
        // No sections: each would run the whole loop again.
        for (const Case& mistake : read_cases(path)) {
            const std::string got = said(outcome_of(mistake));
            INFO(path.stem().string() << ": " << mistake.title << "\n" << mistake.file);
            CHECK(titles.insert(mistake.title).second);
            CHECK(got == mistake.expected);
            now += fmt::format("{}### {}\n{}---\n{}", now.empty() ? "" : "\n", mistake.title,
                               mistake.file, got);
        }
        if (update != nullptr && std::string_view(update) == "1")
            std::ofstream(path, std::ios::binary) << now;
    }
}

TEST_CASE("every mistake is told with a way out and a place in the reference",
          "[golden][mistakes]") {
    std::size_t count = 0;
    for (const fs::path& path : files())
        for (const Case& mistake : read_cases(path)) {
            const plan::Outcome outcome = outcome_of(mistake);
            INFO(path.stem().string() << ": " << mistake.title);
            CHECK(!said(outcome).empty());
            count += said(outcome).empty() ? 0 : 1;
            for (const config::Diagnostic& d : outcome.diagnostics) {
                INFO(d.message);
                CHECK(d.line > 0);
                // What a context cannot be read for is a sentence of its own.
                if (d.id != "context_not_here") CHECK(!d.hint.empty());
                CHECK(config::manual::explain(d.topic).has_value());
            }
        }
    CHECK(count >= 120);
}
