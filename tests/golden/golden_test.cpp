/// Each folder beside this file is a case of the language: input files and the plan or diagnostics
/// they must give.
#include "pipelines/base/json.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace sluice;
namespace fs = std::filesystem;

namespace {

const fs::path k_root = fs::path(SLUICE_SOURCE_DIR) / "tests" / "golden";

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

bool is_updating() {
    const char* value = std::getenv("SLUICE_UPDATE_GOLDEN");
    return value != nullptr && std::string_view(value) == "1";
}

/// JSON that people can review: members on lines of their own, short lists on one.
void print(std::ostream& out, const json::Value& value, const std::string& indent) {
    const std::string inner = indent + "  ";
    if (const std::string line = json::serialize(value);
        indent.size() + line.size() <= 100 && indent.size() > 2) {
        out << line;
        return;
    }
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out << "{\n";
        bool first = true;
        for (const auto& member : *object) {
            if (!std::exchange(first, false)) out << ",\n";
            out << inner << json::serialize(member.key()) << ": ";
            print(out, member.value(), inner);
        }
        out << "\n" << indent << "}";
        return;
    }
    const auto* array = value.if_array();
    const bool is_short =
        array == nullptr || std::none_of(array->begin(), array->end(), [](const auto& item) {
            return item.is_object() || item.is_array();
        });
    if (is_short) {
        out << json::serialize(value);
        return;
    }
    out << "[\n";
    for (std::size_t i = 0; i < array->size(); ++i) {
        out << inner;
        print(out, (*array)[i], inner);
        out << (i + 1 < array->size() ? ",\n" : "\n");
    }
    out << indent << "]";
}

plan::Input input_of(const fs::path& folder) {
    plan::Input input;
    input.event.kind = model::EventKind::push;
    input.event.branch = "main";
    input.event.sha = "0123456789abcdef0123456789abcdef01234567";
    input.project_name = "demo";
    input.project_url = "https://git.example/demo.git";
    input.run_number = 7;
    if (fs::exists(folder / "event.json")) {
        const auto value = json::parse(read(folder / "event.json")).value();
        json::ObjectReader in(value, "");
        if (const auto* event = in.find("event")) {
            json::Value full = *event;
            if (!full.as_object().contains("sha")) full.as_object()["sha"] = input.event.sha;
            input.event = model::event_from_json(full, "/event").value();
        }
        if (in.find("changed_paths") != nullptr)
            input.changed_paths = in.strings_or_empty("changed_paths");
        input.default_branch = in.string_or("default_branch", "main");
        input.trusted = in.boolean_or("trusted", true);
        if (in.find("tree") != nullptr) {
            input.tree.emplace();
            for (const auto& [path, digest] : in.string_map_or_empty("tree"))
                input.tree->push_back({path, digest});
        }
        REQUIRE(in.finish_strict().has_value());
    }
    for (const char* name : {".ci.yml", ".ci.yaml"})
        if (fs::exists(folder / name)) input.files.push_back({name, read(folder / name)});
    if (fs::exists(folder / ".ci")) {
        std::vector<fs::path> more;
        for (const auto& entry : fs::directory_iterator(folder / ".ci"))
            if (entry.is_regular_file()) more.push_back(entry.path());
        std::sort(more.begin(), more.end());
        for (const auto& path : more)
            input.files.push_back({".ci/" + path.filename().string(), read(path)});
    }
    input.fragments = plan::collect_fragments(
        input.files, [&](const std::string& path) -> std::optional<plan::SourceFile> {
            if (!fs::is_regular_file(folder / path)) return std::nullopt;
            return plan::SourceFile{path, read(folder / path)};
        });
    return input;
}

void compare(const fs::path& path, const std::string& got) {
    if (is_updating()) {
        if (got.empty()) {
            fs::remove(path);
        } else {
            std::ofstream(path, std::ios::binary) << got;
        }
        return;
    }
    CHECK(got == (fs::exists(path) ? read(path) : std::string{}));
}

std::string plan_text(const plan::Outcome& outcome) {
    if (!outcome.plan && outcome.triggered) return {};
    json::Value value = json::Object{{"triggered", false}};
    if (outcome.plan) {
        value = plan::to_json(*outcome.plan);
        value.as_object().erase(
            "hash");  // follows from the rest; a unit test pins that it is stable
        // What every job has would only hide what this case is about.
        for (auto& job : value.at("jobs").as_array()) {
            auto& spec = job.at("spec").as_object();
            if (const auto* retry = spec.if_contains("retry");
                retry != nullptr && json::serialize(*retry) == R"({"infra":2,"preempted":10})")
                spec.erase("retry");
        }
    }
    std::ostringstream out;
    print(out, value, "");
    out << "\n";
    return out.str();
}

}  // namespace

TEST_CASE("every golden case plans as recorded", "[golden]") {
    std::vector<fs::path> cases;
    for (const auto& entry : fs::directory_iterator(k_root))
        if (entry.is_directory() && entry.path().filename() != "mistakes" &&
            entry.path().filename() != "__pycache__")
            cases.push_back(entry.path());
    std::sort(cases.begin(), cases.end());
    CHECK(cases.size() >= 25);
    for (const auto& folder : cases) {
        DYNAMIC_SECTION(folder.filename().string()) {
            const plan::Outcome outcome = plan::make_plan(input_of(folder));
            std::string diagnostics;
            for (const auto& diagnostic : outcome.diagnostics)
                diagnostics += config::format(diagnostic) + "\n";
            // A plan and errors exclude each other; a run needs one of them.
            CHECK(outcome.plan.has_value() ==
                  (outcome.triggered && !config::has_errors(outcome.diagnostics)));
            compare(folder / "diagnostics.txt", diagnostics);
            compare(folder / "plan.json", plan_text(outcome));
        }
    }
}
