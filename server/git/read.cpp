#include "server/git/read.hpp"

#include "pipelines/base/text.hpp"

#include <algorithm>
#include <string_view>

namespace sluice::git {
namespace {

constexpr std::size_t k_max_config_bytes = 256 << 10;
constexpr std::size_t k_max_config_files = 200;
constexpr std::size_t k_max_config_total = 8 << 20;
constexpr std::size_t k_max_paths = 50'000;
constexpr std::size_t k_max_path_bytes = 32 << 20;
constexpr std::size_t k_max_tree_files = 500'000;
constexpr std::size_t k_max_tree_bytes = 64 << 20;
constexpr std::size_t k_max_message_bytes = 64 << 10;
constexpr std::size_t k_max_author_bytes = 256;

/// A commit whose tree or blob is missing is as good as gone.
Error incomplete(const std::string& what) {
    return git_error(Code::gone, "commit_gone", "the repository is incomplete at " + what);
}

class ConfigReader {
public:
    explicit ConfigReader(git_repository* repository) : repository_(repository) {}

    Result<std::vector<plan::SourceFile>> read(const git_tree* root) {
        for (std::size_t i = 0; i < git_tree_entrycount(root); ++i) {
            const git_tree_entry* entry = git_tree_entry_byindex(root, i);
            const std::string_view name = git_tree_entry_name(entry);
            if (name == ".ci.yaml") return wrong_name(".ci.yaml", ".ci.yml");
            if (name == ".ci.yml") SLUICE_CHECK(add(entry, ".ci.yml"));
            if (name == ".ci") SLUICE_CHECK(read_folder(entry));
        }
        std::sort(files_.begin(), files_.end(),
                  [](const auto& a, const auto& b) { return a.path < b.path; });
        return std::move(files_);
    }

    /// Asks for the size first: a blob of gigabytes is never read.
    Result<std::string> read_blob(const git_oid& id, const std::string& path) {
        git_odb* found = nullptr;
        if (git_repository_odb(&found, repository_) != 0) return incomplete(path);
        Odb odb(found);
        std::size_t size = 0;
        git_object_t type = GIT_OBJECT_INVALID;
        if (git_odb_read_header(&size, &type, found, &id) != 0 || type != GIT_OBJECT_BLOB)
            return incomplete(path);
        if (size > k_max_config_bytes)
            return too_large(path, std::to_string(size) + " bytes, the limit is " +
                                       std::to_string(k_max_config_bytes));
        git_blob* blob = nullptr;
        if (git_blob_lookup(&blob, repository_, &id) != 0) return incomplete(path);
        Blob owned(blob);
        return std::string(static_cast<const char*>(git_blob_rawcontent(blob)),
                           static_cast<std::size_t>(git_blob_rawsize(blob)));
    }

private:
    Result<> read_folder(const git_tree_entry* folder) {
        const git_filemode_t mode = git_tree_entry_filemode(folder);
        if (mode == GIT_FILEMODE_LINK || mode == GIT_FILEMODE_COMMIT)
            return not_regular(".ci", "must be a folder");
        if (mode != GIT_FILEMODE_TREE) return {};
        git_tree* found = nullptr;
        if (git_tree_lookup(&found, repository_, git_tree_entry_id(folder)) != 0)
            return incomplete(".ci");
        Tree tree(found);
        for (std::size_t i = 0; i < git_tree_entrycount(found); ++i) {
            const git_tree_entry* entry = git_tree_entry_byindex(found, i);
            const std::string name = git_tree_entry_name(entry);
            const std::string path = ".ci/" + name;
            if (name.ends_with(".yaml"))
                return wrong_name(path, path.substr(0, path.size() - 4) + "yml");
            if (name.ends_with(".yml")) SLUICE_CHECK(add(entry, path));
        }
        return {};
    }

    Result<> add(const git_tree_entry* entry, const std::string& path) {
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE)
            return not_regular(path, "must be a regular file, no link, submodule or folder");
        if (files_.size() == k_max_config_files)
            return too_large(".ci", "more than " + std::to_string(k_max_config_files) + " files");
        SLUICE_TRY(std::string body, read_blob(*git_tree_entry_id(entry), path));
        total_ += body.size();
        if (total_ > k_max_config_total) return too_large(".ci", "more than 8 MiB in all");
        files_.push_back({text::sanitize_utf8(path, 4096), std::move(body)});
        return {};
    }

    static Error wrong_name(const std::string& path, const std::string& right) {
        const std::string shown = text::sanitize_utf8(path, 256);
        return error(Code::invalid, "config_wrong_name",
                     shown + " is not read; rename it to " + text::sanitize_utf8(right, 256),
                     shown);
    }
    static Error not_regular(const std::string& path, const std::string& what) {
        const std::string shown = text::sanitize_utf8(path, 256);
        return error(Code::invalid, "config_not_regular_file", shown + " " + what, shown);
    }
    static Error too_large(const std::string& path, const std::string& what) {
        const std::string shown = text::sanitize_utf8(path, 256);
        return error(Code::too_large, "config_too_large", shown + " has " + what, shown);
    }

    git_repository* repository_;
    std::vector<plan::SourceFile> files_;
    std::size_t total_ = 0;
};

struct PathList {
    std::vector<std::string> paths;
    std::size_t bytes = 0;

    bool add(const char* path) {
        if (!path || (!paths.empty() && paths.back() == path)) return true;
        if (paths.size() == k_max_paths) return false;
        paths.emplace_back(path);
        bytes += paths.back().size();
        return bytes <= k_max_path_bytes;
    }
};

/// Called for each changed path before it is stored; a negative answer ends the walk. A rename is a
/// deletion and an addition here, so both names are there without a search for similar files.
int note_delta(const git_diff*, const git_diff_delta* delta, const char*, void* payload) {
    auto& list = *static_cast<PathList*>(payload);
    if (!list.add(delta->old_file.path) || !list.add(delta->new_file.path)) return GIT_EUSER;
    return 1;  // do not store it
}

std::optional<std::vector<std::string>> changed_paths(git_repository* repository,
                                                      git_commit* commit,
                                                      const wire::Request& request) {
    auto base = find_base(repository, commit, request);
    if (!base) return std::nullopt;
    git_tree* old_tree = nullptr;
    if (git_commit_tree(&old_tree, base->get()) != 0) return std::nullopt;
    Tree old_owned(old_tree);
    git_tree* new_tree = nullptr;
    if (git_commit_tree(&new_tree, commit) != 0) return std::nullopt;
    Tree new_owned(new_tree);

    PathList list;
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.flags = GIT_DIFF_SKIP_BINARY_CHECK | GIT_DIFF_INCLUDE_TYPECHANGE;
    options.notify_cb = note_delta;
    options.payload = &list;
    git_diff* diff = nullptr;
    const int failed = git_diff_tree_to_tree(&diff, repository, old_tree, new_tree, &options);
    Diff owned(diff);
    if (failed != 0) return std::nullopt;
    std::sort(list.paths.begin(), list.paths.end());
    list.paths.erase(std::unique(list.paths.begin(), list.paths.end()), list.paths.end());
    return std::move(list.paths);
}

struct TreeList {
    std::vector<config::expression::TreeFile> files;
    std::size_t bytes = 0;
    std::size_t entries = 0;
};

int note_file(const char* folder, const git_tree_entry* entry, void* payload) {
    auto& list = *static_cast<TreeList*>(payload);
    // Folders, too: those that hold no file may be billions.
    if (++list.entries > k_max_tree_files) return -1;
    if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB) return 0;
    list.files.push_back(
        {std::string(folder) + git_tree_entry_name(entry), to_hex(git_tree_entry_id(entry))});
    list.bytes += list.files.back().path.size();
    return list.bytes > k_max_tree_bytes ? -1 : 0;
}

std::optional<std::vector<config::expression::TreeFile>> all_files(const git_tree* root) {
    TreeList list;
    if (git_tree_walk(root, GIT_TREEWALK_PRE, note_file, &list) != 0) return std::nullopt;
    return std::move(list.files);
}

Result<Commit> peel(git_reference* reference, const std::string& name) {
    git_object* object = nullptr;
    if (git_reference_peel(&object, reference, GIT_OBJECT_COMMIT) != 0)
        return git_error(Code::not_found, "ref_not_found",
                         text::sanitize_utf8(name, 256) + " names no commit");
    return Commit(reinterpret_cast<git_commit*>(object));
}

bool valid_ref(const std::string& name) {
    int valid = 0;
    return git_reference_name_is_valid(&valid, name.c_str()) == 0 && valid == 1;
}

}  // namespace

std::optional<Commit> find_base(git_repository* repository, git_commit* commit,
                                const wire::Request& request) {
    std::optional<Commit> base;
    if (!request.base.empty() && !text::is_zero_id(request.base))
        base = find_commit(repository, request.base);
    bool merge_base_wanted = request.use_merge_base;
    if (!request.fallback_branch.empty()) {
        const bool ancestor = base && git_graph_descendant_of(repository, git_commit_id(commit),
                                                              git_commit_id(base->get())) == 1;
        if (!ancestor) {
            git_oid tip;
            const std::string name = "refs/heads/" + request.fallback_branch;
            if (git_reference_name_to_id(&tip, repository, name.c_str()) != 0) return std::nullopt;
            base = find_commit(repository, to_hex(&tip));
            merge_base_wanted = true;
        }
    }
    if (!base || !merge_base_wanted) return base;
    git_oid merge_base;
    if (git_merge_base(&merge_base, repository, git_commit_id(base->get()),
                       git_commit_id(commit)) != 0)
        return std::nullopt;
    return find_commit(repository, to_hex(&merge_base));
}

std::string to_hex(const git_oid* id) {
    char text[GIT_OID_HEXSZ + 1];
    git_oid_tostr(text, sizeof text, id);
    return text;
}

std::optional<Commit> find_commit(git_repository* repository, const std::string& sha) {
    git_oid id;
    if (sha.size() != GIT_OID_HEXSZ || git_oid_fromstr(&id, sha.c_str()) != 0) return std::nullopt;
    git_object* object = nullptr;
    if (git_object_lookup(&object, repository, &id, GIT_OBJECT_ANY) != 0) return std::nullopt;
    Object owned(object);
    git_object* commit = nullptr;
    if (git_object_peel(&commit, object, GIT_OBJECT_COMMIT) != 0) return std::nullopt;
    return Commit(reinterpret_cast<git_commit*>(commit));
}

Result<Commit> find_ref(git_repository* repository, const std::string& ref) {
    const std::string shown = text::sanitize_utf8(ref, 256);
    if (ref.find('\0') != std::string::npos || ref.size() > 1024 || !valid_ref("refs/heads/" + ref))
        return error(Code::invalid, "bad_ref",
                     "\"" + shown + "\" is no branch, tag or full ref name", "ref");
    std::vector<std::string> candidates{"refs/heads/" + ref, "refs/tags/" + ref};
    if (ref.starts_with("refs/")) candidates = {ref};
    for (const std::string& name : candidates) {
        git_reference* found = nullptr;
        if (git_reference_lookup(&found, repository, name.c_str()) != 0) continue;
        Reference owned(found);
        return peel(found, ref);
    }
    if (auto commit = find_commit(repository, ref)) return std::move(*commit);
    return error(Code::not_found, "ref_not_found",
                 "there is no branch, tag or ref \"" + shown + "\"", "ref");
}

Result<Snapshot> read_snapshot(git_repository* repository, git_commit* commit,
                               const wire::Request& request) {
    git_tree* tree = nullptr;
    if (git_commit_tree(&tree, commit) != 0) return incomplete("the commit's tree");
    Tree owned(tree);
    Snapshot out;
    out.sha = to_hex(git_commit_id(commit));
    SLUICE_TRY(out.files, ConfigReader(repository).read(tree));
    if (const char* message = git_commit_message(commit))
        out.message = text::sanitize_utf8(message, k_max_message_bytes);
    const git_signature* author = git_commit_author(commit);
    if (author && author->name) out.author = text::sanitize_utf8(author->name, k_max_author_bytes);
    out.changed_paths = changed_paths(repository, commit, request);
    std::optional<Error> broken;
    std::size_t bytes = 0;
    out.fragments = plan::collect_fragments(
        out.files, [&](const std::string& path) -> std::optional<plan::SourceFile> {
            if (broken || bytes > k_max_config_total || path.starts_with("git+"))
                return std::nullopt;
            auto file = read_fragment(repository, commit, path);
            if (!file) {
                broken = file.error();
                return std::nullopt;
            }
            if (*file) bytes += (*file)->text.size();
            return std::move(*file);
        });
    if (broken) return *broken;
    if (request.tree || plan::reads_tree(out.files) || plan::reads_tree(out.fragments))
        out.tree = all_files(tree);
    return out;
}

Result<std::optional<plan::SourceFile>> read_fragment(git_repository* repository,
                                                      git_commit* commit, const std::string& path) {
    git_tree* root = nullptr;
    if (git_commit_tree(&root, commit) != 0) return incomplete("the commit's tree");
    Tree owned_root(root);
    git_tree_entry* entry = nullptr;
    const int found = git_tree_entry_bypath(&entry, root, path.c_str());
    if (found == GIT_ENOTFOUND) return std::optional<plan::SourceFile>{};
    if (found != 0) return incomplete(text::sanitize_utf8(path, 256));
    Owned<git_tree_entry, git_tree_entry_free> owned(entry);
    plan::SourceFile file{path, ""};
    const git_filemode_t mode = git_tree_entry_filemode(entry);
    if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE) {
        file.problem = "must be a regular file, no link, submodule or folder";
        return std::optional(std::move(file));
    }
    auto body = ConfigReader(repository).read_blob(*git_tree_entry_id(entry), path);
    if (body) {
        file.text = std::move(*body);
    } else if (body.error().code == Code::too_large) {
        file.problem = "is larger than 256 KiB";
    } else {
        return body.error();
    }
    return std::optional(std::move(file));
}

}  // namespace sluice::git
