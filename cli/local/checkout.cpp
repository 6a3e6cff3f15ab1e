#include "cli/local/checkout.hpp"

#include "cli/exit_code.hpp"
#include "pipelines/base/text.hpp"
#include "platform/copy_tree.hpp"
#include "platform/spawn.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

namespace sluice::cli::local {

namespace {

constexpr Duration k_patience{60'000};
constexpr std::size_t k_output_max = 256 << 20;

/// What git prints for the folder; refused with its last line.
Result<std::string> git(const files::Path& folder, std::vector<std::string> arguments,
                        bool foreign_repository = false, std::string input = {}) {
    arguments.insert(arguments.begin(), "git");
    spawn::RunOptions options;
    options.directory = folder;
    options.input = std::move(input);
    options.timeout = k_patience;
    options.output_max = k_output_max;
    options.env = spawn::current_environment();
    (*options.env)["GIT_TERMINAL_PROMPT"] = "0";
    (*options.env)["GIT_OPTIONAL_LOCKS"] = "0";
    // Inside a git hook these name the person's repository, whatever the folder.
    if (foreign_repository)
        std::erase_if(*options.env, [](const auto& entry) {
            return entry.first.starts_with("GIT_") && entry.first != "GIT_TERMINAL_PROMPT";
        });
    SLUICE_TRY(auto done, spawn::run(arguments, options));
    if (done.exit.ok() && !done.truncated) return std::move(done.output);
    std::string text(text::trim(done.output));
    return usage_error("git " + arguments[1] + ": " + text.substr(text.rfind('\n') + 1));
}

/// The one line that git prints, or nothing.
std::optional<std::string> git_line(const files::Path& folder, std::vector<std::string> arguments) {
    auto output = git(folder, std::move(arguments));
    if (!output) return std::nullopt;
    return std::string(text::trim(*output));
}

std::string find_default_branch(const files::Path& root, const std::string& current) {
    constexpr std::string_view k_remote = "refs/remotes/origin/";
    auto head = git_line(root, {"symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"});
    if (head && head->starts_with(k_remote)) return head->substr(k_remote.size());
    for (const char* name : {"main", "master"})
        if (git_line(root, {"rev-parse", "--verify", "--quiet", std::string("refs/heads/") + name}))
            return name;
    return current.empty() ? "main" : current;
}

std::string name_of(const Checkout& checkout) {
    std::string name = checkout.url.substr(checkout.url.find_last_of("/:") + 1);
    if (name.ends_with(".git")) name.resize(name.size() - 4);
    return name.empty() ? checkout.root.filename().string() : name;
}

/// Author and message of the commit.
Result<> read_tip(Checkout& checkout) {
    SLUICE_TRY(auto tip, git(checkout.root, {"log", "-1", "--format=%an%x00%B", checkout.sha}));
    const auto nul = tip.find('\0');
    checkout.author = text::sanitize_utf8(tip.substr(0, nul), 1024);
    if (nul != std::string::npos)
        checkout.message = text::sanitize_utf8(text::trim(tip.substr(nul + 1)), 65536);
    return {};
}

/// The full id of a commit that a person named.
Result<std::string> commit_id(const Checkout& checkout, const char* option,
                              const std::string& revision) {
    if (revision.starts_with("-")) return usage_error("'" + revision + "' is no revision");
    auto known =
        git_line(checkout.root, {"rev-parse", "--verify", "--quiet", revision + "^{commit}"});
    if (!known)
        return usage_error(std::string(option) + ": git knows no commit '" + revision + "'");
    return *known;
}

std::vector<std::string> split_at_nul(std::string_view text) {
    std::vector<std::string> parts = text::split(text, '\0');
    std::erase(parts, "");
    return parts;
}

}  // namespace

std::string without_credentials(const std::string& url) {
    auto scheme = url.find("://");
    if (scheme == std::string::npos) return url;
    auto host = scheme + 3;
    auto at = url.substr(0, url.find('/', host)).rfind('@');
    return at == std::string::npos || at < host ? url : url.substr(0, host) + url.substr(at + 1);
}

Result<Checkout> read_checkout() {
    auto top = git(".", {"rev-parse", "--show-toplevel"});
    if (!top && top.error().id == "spawn_failed")
        return usage_error("`git` is not installed, and `sluice run` asks it for the files");
    if (!top)
        return usage_error("this is no git checkout (`git init` makes one): " +
                           top.error().message);
    Checkout out;
    out.root = std::string(text::trim(*top));
    SLUICE_TRY(auto objects,
               git(out.root, {"rev-parse", "--path-format=absolute", "--git-path", "objects"}));
    out.objects = std::string(text::trim(objects));
    out.url = without_credentials(
        git_line(out.root, {"remote", "get-url", "origin"}).value_or(std::string()));
    out.name = name_of(out);
    out.sha =
        git_line(out.root, {"rev-parse", "--verify", "--quiet", "HEAD^{commit}"}).value_or("");
    if (!text::is_commit_id(out.sha)) out.sha.clear();
    out.branch = git_line(out.root, {"symbolic-ref", "--quiet", "--short", "HEAD"}).value_or("");
    out.default_branch = find_default_branch(out.root, out.branch);
    if (!out.sha.empty()) SLUICE_CHECK(read_tip(out));
    return out;
}

Result<std::vector<std::string>> tree_files(const Checkout& checkout) {
    SLUICE_TRY(auto listed, git(checkout.root,
                                {"ls-files", "-z", "--cached", "--others", "--exclude-standard"}));
    std::vector<std::string> paths = split_at_nul(listed);
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    std::erase_if(paths, [&](const std::string& path) {
        struct stat status {};
        return ::lstat((checkout.root / path).c_str(), &status) != 0 || S_ISDIR(status.st_mode);
    });
    return paths;
}

Result<std::vector<config::expression::TreeFile>> tree_contents(const Checkout& checkout) {
    SLUICE_TRY(auto paths, tree_files(checkout));
    std::vector<config::expression::TreeFile> out;
    std::vector<std::string> hashed;
    std::string input;
    for (std::string& path : paths) {
        struct stat status {};
        if (::lstat((checkout.root / path).c_str(), &status) != 0) continue;
        std::error_code ignored;
        if (S_ISLNK(status.st_mode))
            out.push_back(
                {path, "link " + std::filesystem::read_symlink(checkout.root / path, ignored)
                                     .generic_string()});
        // git reads the names line by line.
        if (!S_ISREG(status.st_mode) || path.find('\n') != std::string::npos) continue;
        input += path + "\n";
        hashed.push_back(std::move(path));
    }
    if (hashed.empty()) return out;
    SLUICE_TRY(auto printed,
               git(checkout.root, {"hash-object", "--stdin-paths"}, false, std::move(input)));
    const std::vector<std::string> ids = text::split(text::trim(printed), '\n');
    if (ids.size() != hashed.size()) return usage_error("the files changed meanwhile; try again");
    for (std::size_t i = 0; i < ids.size(); ++i) out.push_back({std::move(hashed[i]), ids[i]});
    return out;
}

Result<std::vector<std::string>> changed_paths(const Checkout& checkout,
                                               const std::string& revision) {
    if (checkout.sha.empty()) return usage_error("--changed-from: nothing is committed yet");
    SLUICE_TRY(auto known, commit_id(checkout, "--changed-from", revision));
    SLUICE_TRY(auto base, git(checkout.root, {"merge-base", known, "HEAD"}));
    SLUICE_TRY(auto tracked, git(checkout.root, {"diff", "--name-only", "-z", "--no-renames",
                                                 std::string(text::trim(base)), "--"}));
    SLUICE_TRY(auto untracked,
               git(checkout.root, {"ls-files", "-z", "--others", "--exclude-standard"}));
    std::vector<std::string> paths = split_at_nul(tracked + untracked);
    std::sort(paths.begin(), paths.end());
    return paths;
}

Result<Checkout> at_commit(Checkout checkout, const std::string& revision) {
    SLUICE_TRY(checkout.sha, commit_id(checkout, "--commit", revision));
    // A branch by name is that branch; any other commit is looked at as one of this branch.
    if (git_line(checkout.root, {"rev-parse", "--verify", "--quiet", "refs/heads/" + revision}))
        checkout.branch = revision;
    SLUICE_CHECK(read_tip(checkout));
    return checkout;
}

Result<std::vector<config::expression::TreeFile>> commit_contents(const Checkout& checkout,
                                                                  const std::string& folder) {
    std::vector<std::string> arguments{"ls-tree", "-r", "-z", "--full-tree", checkout.sha};
    if (!folder.empty()) arguments.insert(arguments.end(), {"--", folder});
    SLUICE_TRY(auto listed, git(checkout.root, std::move(arguments)));
    std::vector<config::expression::TreeFile> out;
    for (const std::string& entry : split_at_nul(listed)) {
        // `100644 blob <id>\t<path>`
        const auto tab = entry.find('\t');
        const auto words = text::split(entry.substr(0, tab), ' ');
        if (tab == std::string::npos || words.size() != 3 || words[1] != "blob") continue;
        out.push_back({entry.substr(tab + 1), words[2]});
    }
    return out;
}

Result<std::string> blob_text(const Checkout& checkout, const std::string& id) {
    return git(checkout.root, {"cat-file", "blob", id});
}

Result<std::vector<std::string>> commit_changed_paths(const Checkout& checkout,
                                                      const std::string& revision) {
    SLUICE_TRY(auto known, commit_id(checkout, "--changed-from", revision));
    SLUICE_TRY(auto base, git(checkout.root, {"merge-base", known, checkout.sha}));
    SLUICE_TRY(auto paths, git(checkout.root, {"diff", "--name-only", "-z", "--no-renames",
                                               std::string(text::trim(base)), checkout.sha, "--"}));
    return split_at_nul(paths);
}

Result<> make_snapshot(const Checkout& checkout, const std::vector<std::string>& paths,
                       const files::Path& folder) {
    const files::Path git_dir = folder / ".git";
    SLUICE_CHECK(files::make_dirs(git_dir / "objects" / "info"));
    SLUICE_CHECK(files::make_dirs(git_dir / "refs" / "heads"));
    auto write = [&](const char* name, const std::string& text) {
        return files::write_atomic(git_dir / name, text, 0644, false);
    };
    SLUICE_CHECK(write("config",
                       "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
                       "\tlogallrefupdates = false\n"));
    SLUICE_CHECK(write("objects/info/alternates", checkout.objects.string() + "\n"));
    SLUICE_CHECK(
        write("HEAD", checkout.sha.empty() ? "ref: refs/heads/none\n" : checkout.sha + "\n"));
    for (const std::string& path : paths) {
        Result<> copied = files::copy_entry(checkout.root / path, folder / path);
        if (!copied && copied.error().code != Code::not_found) return copied;
    }
    if (checkout.sha.empty()) return {};
    SLUICE_CHECK(write("shallow", checkout.sha + "\n"));
    // For jobs with history (LocalSource).
    SLUICE_TRY(const std::string refs, git(checkout.root, {"for-each-ref", "--sort=refname",
                                                           "--format=%(objectname) %(refname)",
                                                           "refs/tags", "refs/remotes/origin"}));
    SLUICE_CHECK(write("packed-refs-of-history", "# pack-refs with: sorted \n" + refs));
    Result<> shallow = files::copy_entry(checkout.objects.parent_path() / "shallow",
                                         git_dir / "shallow-of-history");
    if (!shallow && shallow.error().code != Code::not_found) return shallow;
    SLUICE_TRY(auto ignored, git(folder, {"read-tree", "HEAD"}, true));
    (void)ignored;
    return {};
}

}  // namespace sluice::cli::local
