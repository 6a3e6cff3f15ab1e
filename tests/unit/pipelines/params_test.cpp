#include "pipelines/plan/params.hpp"
#include "pipelines/config/document.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::plan;
using model::ParamType;

namespace {

struct Read {
    explicit Read(std::string yaml) : text(std::move(yaml)) {
        const int file = diagnostics.add_file("params.yml", text);
        node = *config::parse_document(file, diagnostics);
        params = read_params(&node, diagnostics);
    }
    std::string text;
    config::Diagnostics diagnostics;
    config::Node node;
    std::vector<Param> params;
};

std::string complaint(const Param& param, std::string_view value) {
    const auto found = check_param(param, value);
    return found ? found->message : "";
}

}  // namespace

TEST_CASE("a param without a type is of the type of its default", "[params]") {
    const Read in("a: 3\nb: true\nc: '3'\nd: { default: x, help: what it is }\n");
    REQUIRE(in.params.size() == 4);
    CHECK(in.params[0].type == ParamType::number);
    CHECK(in.params[1].type == ParamType::boolean);
    CHECK(in.params[2].type == ParamType::string);
    CHECK(in.params[3].type == ParamType::string);
    CHECK(in.params[3].help == "what it is");
}

TEST_CASE("values are checked by the param's type", "[params]") {
    const Read in(
        "n: { type: number, min: 1, max: 9 }\nf: { type: boolean }\n"
        "c: { type: choice, options: [staging, production] }\ns: { type: string, pattern: 'v*' "
        "}\n");
    CHECK(in.diagnostics.has_errors() == false);
    CHECK(complaint(in.params[0], "5").empty());
    CHECK(complaint(in.params[0], "0") == "param `n` is at least 1, got `0`");
    CHECK(complaint(in.params[0], "10") == "param `n` is at most 9, got `10`");
    CHECK(complaint(in.params[0], "many") == "param `n` is a number, got `many`");
    CHECK(complaint(in.params[1], "yes") == "param `f` is true or false, got `yes`");
    CHECK(complaint(in.params[2], "staging").empty());
    CHECK(complaint(in.params[2], "stagin") ==
          "param `c` is one of staging, production, got `stagin`");
    CHECK(check_param(in.params[2], "stagin")->hint == "did you mean `staging`?");
    CHECK(complaint(in.params[3], "v1").empty());
    CHECK(complaint(in.params[3], "1") == "param `s` must match `v*`, got `1`");
}

TEST_CASE("settings of another type and defaults that do not fit are mistakes", "[params]") {
    Read in("a: { type: choice }\nb: { default: x, max: 3 }\nc: { type: number, default: x }\n");
    std::string all;
    for (const auto& diagnostic : in.diagnostics.take()) all += config::format(diagnostic) + "\n";
    CHECK(all ==
          "params.yml:1:1: error: param `a` of type choice has no `options` hint: e.g. `options: "
          "[staging, production]`\n"
          "params.yml:2:18: error: `max` belongs to params of type number, and `b` is of type "
          "string hint: add `type: number`, or remove it\n"
          "params.yml:3:29: error: the default of param `c` is a number, got `x`\n");
}

TEST_CASE("only what a file allows may stand in scripts", "[params]") {
    using config::expression::Taint;
    const Read in("s: x\nn: 1\nf: true\nc: { type: choice, options: [a] }\n");
    CHECK(type_of(in.params[0]).taint == Taint::outsider);
    for (int i : {1, 2, 3})
        CHECK(type_of(in.params[static_cast<std::size_t>(i)]).taint == Taint::safe);
    CHECK(value_of(ParamType::number, "3").number == 3);
    CHECK(value_of(ParamType::boolean, "true").boolean);
    CHECK(value_of(ParamType::string, "3").string == "3");
}
