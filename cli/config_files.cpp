#include "cli/config_files.hpp"

#include "cli/exit_code.hpp"
#include "cli/git.hpp"
#include "platform/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

/// More than the planner takes, so that the planner's own limit is what a person reads about.
constexpr std::size_t k_file_max = 16 << 20;

Result<> add_file(ConfigSet& set, const fs::path& file, const std::string& path) {
    auto text = files::read_file(file, k_file_max);
    if (!text) return usage_error("cannot read " + file.string() + ": " + text.error().message);
    set.files.push_back({path, std::move(*text)});
    set.shown.push_back(file.lexically_normal().string());
    return {};
}

void add_fragments(ConfigSet& set) {
    set.fragments = read_fragments(set.root, set.files);
}

Result<ConfigSet> of_folder(const fs::path& root) {
    ConfigSet set;
    set.root = root;
    std::error_code ignored;
    if (fs::exists(root / ".ci.yml", ignored))
        SLUICE_CHECK(add_file(set, root / ".ci.yml", ".ci.yml"));
    std::vector<fs::path> more;
    for (fs::directory_iterator it(root / ".ci", ignored), end; !ignored && it != end;
         it.increment(ignored))
        if (it->path().extension() == ".yml" && it->is_regular_file(ignored))
            more.push_back(it->path());
    std::sort(more.begin(), more.end());
    for (const auto& file : more)
        SLUICE_CHECK(add_file(set, file, ".ci/" + file.filename().string()));
    if (set.files.empty())
        return usage_error("no .ci.yml in " + fs::absolute(root).lexically_normal().string());
    add_fragments(set);
    return set;
}

Result<ConfigSet> of_argument(const std::string& argument) {
    if (argument == "-") {
        std::string text{std::istreambuf_iterator<char>(std::cin), {}};
        ConfigSet set{{{".ci.yml", std::move(text)}}, {"<stdin>"}};
        set.root = git::top_level().value_or(".");
        add_fragments(set);
        return set;
    }
    fs::path path(argument);
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) return of_folder(path);
    if (fs::exists(path, ignored)) {
        if (path.filename() == ".ci.yml")
            return of_folder(path.has_parent_path() ? path.parent_path() : ".");
        fs::path folder = path.parent_path();
        if (folder.filename() == ".ci" && path.extension() == ".yml")
            return of_folder(folder.has_parent_path() ? folder.parent_path() : ".");
    }
    ConfigSet set;
    SLUICE_CHECK(add_file(set, path, ".ci.yml"));
    set.root = git::top_level().value_or(".");
    add_fragments(set);
    return set;
}

}  // namespace

std::vector<plan::SourceFile> read_fragments(const files::Path& root,
                                             const std::vector<plan::SourceFile>& files) {
    // What a server would refuse to read is refused here, too.
    const auto read = [&](const std::string& path) -> std::optional<plan::SourceFile> {
        const fs::path file = root / path;
        std::error_code ignored;
        const auto status = fs::symlink_status(file, ignored);
        if (path.starts_with("git+") || !fs::exists(status)) return std::nullopt;
        plan::SourceFile source{path, ""};
        if (!fs::is_regular_file(status)) {
            source.problem = "must be a regular file, no link, submodule or folder";
            return source;
        }
        auto text = files::read_file(file, k_file_max);
        if (text)
            source.text = std::move(*text);
        else
            source.problem = "cannot be read: " + text.error().message;
        return source;
    };
    return plan::collect_fragments(files, read);
}

std::string ConfigSet::shown_as(const std::string& path) const {
    for (std::size_t i = 0; i < files.size(); ++i)
        if (files[i].path == path) return shown[i];
    for (const auto& fragment : fragments)
        if (fragment.path == path) return (root / path).lexically_normal().string();
    return path;
}

std::string_view ConfigSet::text_of(const std::string& path) const {
    for (const auto* list : {&files, &fragments})
        for (const auto& file : *list)
            if (file.path == path) return file.text;
    return {};
}

Result<std::vector<ConfigSet>> find_config(const std::vector<std::string>& arguments) {
    std::vector<ConfigSet> sets;
    if (arguments.empty()) {
        std::error_code ignored;
        bool here = fs::exists(".ci.yml", ignored) || fs::exists(".ci", ignored);
        SLUICE_TRY(auto set, of_folder(here ? "." : git::top_level().value_or(".")));
        sets.push_back(std::move(set));
    }
    for (const auto& argument : arguments) {
        SLUICE_TRY(auto set, of_argument(argument));
        bool seen = std::any_of(sets.begin(), sets.end(),
                                [&](const auto& other) { return other.shown == set.shown; });
        if (!seen) sets.push_back(std::move(set));
    }
    return sets;
}

}  // namespace sluice::cli
