/// The language is one table: parser, JSON Schema, reference page and completion come from it.
/// tests/golden/test_schema.py holds the JSON Schema against the planner.
#include "pipelines/config/manual/json_schema.hpp"
#include "pipelines/config/manual/page.hpp"
#include "pipelines/plan/plan.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <sstream>

using namespace sluice;
using namespace sluice::config;
using namespace sluice::config::manual;

namespace {

plan::Outcome plan_of(const std::string& text) {
    plan::Input input;
    input.event.kind = model::EventKind::push;
    input.event.branch = "main";
    input.event.sha = std::string(40, 'a');
    input.files = {{".ci.yml", text}};
    input.fragments = {
        {".ci/lib/build.yml", "version: 1\nparams: { version: 1 }\nsteps: [make]\n"}};
    return plan::make_plan(input);
}

std::string errors_of(const plan::Outcome& outcome) {
    std::string out;
    for (const Diagnostic& diagnostic : outcome.diagnostics)
        if (diagnostic.severity == Severity::error) out += format(diagnostic) + "\n";
    return out;
}

std::vector<Topic> all_topics() {
    std::vector<Topic> out;
    for (const Map& map : all_maps())
        for (const Key& key : all_keys())
            if ((key.scopes & map.scope) != 0 && map.scope != scope_fragment &&
                map.scope != scope_defaults)
                out.push_back({&map, &key});
    return out;
}

}  // namespace

TEST_CASE("every key has a place, a help, and an example that plans", "[manual]") {
    for (const Topic& topic : all_topics()) {
        DYNAMIC_SECTION(topic.name()) {
            CHECK(topic.key->help.size() >= 8);
            const std::string text = example_file(topic);
            INFO(text);
            CHECK(errors_of(plan_of(text)) == "");
        }
    }
}

TEST_CASE("the page has a section for every key, with its example", "[manual]") {
    const std::string whole = page();
    for (const Key& key : all_keys()) {
        const Topic topic = topic_of(key);
        REQUIRE(topic.map != nullptr);
        INFO(topic.name());
        CHECK(whole.find(fmt::format("<a id=\"{}\"></a>\n### `{}`", topic.anchor(),
                                     topic.name())) != std::string::npos);
        CHECK(whole.find(section(topic)) != std::string::npos);
    }
    // Links lead somewhere.
    for (std::size_t at = whole.find("](#"); at != std::string::npos; at = whole.find("](#", at)) {
        at += 3;
        const std::string target = whole.substr(at, whole.find(')', at) - at);
        CHECK(whole.find(fmt::format("<a id=\"{}\"></a>", target)) != std::string::npos);
    }
}

TEST_CASE("docs/reference/ci-yml.md is the page", "[manual]") {
    std::ifstream in(SLUICE_SOURCE_DIR "/docs/reference/ci-yml.md", std::ios::binary);
    std::ostringstream committed;
    committed << in.rdbuf();
    // `sluice schema --markdown > docs/reference/ci-yml.md` after a change of the schema
    CHECK((committed.str() == page()));
}

TEST_CASE("a topic is found by what people call a key", "[manual]") {
    const auto name = [](std::string_view words) {
        const auto topic = find_topic(words);
        return topic ? topic->name() : "";
    };
    CHECK(name("job.timeout") == "job.timeout");
    CHECK(name("timeout") == "job.timeout");
    CHECK(name("jobs.test.timeout") == "job.timeout");
    CHECK(name("step.timeout") == "step.timeout");
    CHECK(name("jobs.test.retry.timeout") == "retry.timeout");
    CHECK(name("retry.infra") == "retry.infra");
    CHECK(name("infra") == "retry.infra");
    CHECK(name("on") == "job.on");
    CHECK(name("file.on") == "file.on");
    CHECK(name("version") == "file.version");
    CHECK(name("defaults.image") == "defaults.image");
    CHECK(name("tiemout") == "");
    for (const std::string& topic : topic_names()) CHECK(name(topic) == topic);
}

TEST_CASE("prose belongs to a key that exists", "[manual]") {
    const auto names = topic_names();
    const std::set<std::string> known(names.begin(), names.end());
    CHECK(known.size() == all_keys().size());
    for (const std::string& topic : detailed_topics()) {
        INFO(topic);
        CHECK(known.contains(topic));
    }
}

TEST_CASE("the JSON Schema has each key where the parser takes it, and no other", "[manual]") {
    const json::Value schema = json_schema();
    CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
    for (const Map& map : all_maps()) {
        const json::Value& object = map.scope == scope_top ? schema : schema.at("$defs").at(map.id);
        std::set<std::string> keys;
        for (const auto& member : object.at("properties").as_object()) {
            keys.insert(member.key());
            INFO(map.id << "." << std::string(member.key()));
            CHECK(member.value().at("description").as_string().size() >= 8);
            CHECK(member.value().as_object().contains("examples"));
        }
        const auto wanted = key_names(map.scope);
        CHECK(keys == std::set<std::string>(wanted.begin(), wanted.end()));
    }
}
