#include "cli/config_files.hpp"

#include "cli/exit_code.hpp"
#include "tests/unit/cli/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::cli;

namespace {

std::vector<std::string> paths(const ConfigSet& set) {
    std::vector<std::string> names;
    for (const auto& file : set.files) names.push_back(file.path);
    return names;
}

}  // namespace

TEST_CASE(
    "a folder's pipeline is .ci.yml and the files of .ci, in byte order, without its lib folder",
    "[cli]") {
    TempFolder repo;
    repo.write(".ci.yml", "version: 1\n");
    repo.write(".ci/b.yml", "");
    repo.write(".ci/a.yml", "");
    repo.write(".ci/run", "");
    repo.write(".ci/lib/x.yml", "");
    auto sets = find_config({repo.path().string()});
    REQUIRE(sets.has_value());
    REQUIRE(sets->size() == 1);
    CHECK(paths(sets->front()) == std::vector<std::string>{".ci.yml", ".ci/a.yml", ".ci/b.yml"});
    CHECK(sets->front().files[0].text == "version: 1\n");
}

TEST_CASE("naming one file of a pipeline means the whole pipeline, once", "[cli]") {
    TempFolder repo;
    repo.write(".ci.yml", "");
    repo.write(".ci/a.yml", "");
    auto sets = find_config(
        {(repo / ".ci.yml").string(), (repo / ".ci/a.yml").string(), repo.path().string()});
    REQUIRE(sets.has_value());
    CHECK(sets->size() == 1);
    CHECK(sets->front().files.size() == 2);
}

TEST_CASE("a file elsewhere stands for a .ci.yml and is shown by its own name", "[cli]") {
    TempFolder folder;
    folder.write("draft.yml", "version: 1\n");
    auto sets = find_config({(folder / "draft.yml").string()});
    REQUIRE(sets.has_value());
    CHECK(paths(sets->front()) == std::vector<std::string>{".ci.yml"});
    CHECK(sets->front().shown.front() == (folder / "draft.yml").string());
}

TEST_CASE("no pipeline and no file are mistakes of the caller", "[cli]") {
    TempFolder folder;
    auto nothing = find_config({folder.path().string()});
    REQUIRE_FALSE(nothing.has_value());
    CHECK(exit_for(nothing.error()) == Exit::usage);
    CHECK_FALSE(find_config({(folder / "missing.yml").string()}).has_value());
}
