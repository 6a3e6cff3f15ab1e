#include "pipelines/reports/ranges.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/read.hpp"

namespace sluice::git {

namespace {

constexpr std::size_t k_max_files = 3'000;
constexpr std::size_t k_max_hunks = 100'000;
constexpr int k_max_blob = 4 << 20;  // larger ones count as binary

struct Walk {
    reports::ChangedLines changes;
    std::size_t hunks = 0;
};

bool is_text(const char* path) {
    return path != nullptr && !text::find_invalid_utf8(path);
}

int take_file(const git_diff_delta* delta, float, void* payload) {
    auto& walk = *static_cast<Walk*>(payload);
    if (delta->status == GIT_DELTA_DELETED || !is_text(delta->new_file.path)) return 0;
    reports::FileChange change;
    if (delta->status != GIT_DELTA_ADDED && is_text(delta->old_file.path))
        change.old_path = delta->old_file.path;
    walk.changes.emplace(delta->new_file.path, std::move(change));
    return 0;
}

int take_hunk(const git_diff_delta* delta, const git_diff_hunk* hunk, void* payload) {
    auto& walk = *static_cast<Walk*>(payload);
    if (!is_text(delta->new_file.path)) return 0;
    const auto file = walk.changes.find(delta->new_file.path);
    if (file == walk.changes.end()) return 0;
    if (++walk.hunks > k_max_hunks) return GIT_EUSER;
    file->second.hunks.push_back(
        {hunk->old_start, hunk->old_lines, hunk->new_start, hunk->new_lines});
    return 0;
}

}  // namespace

Result<Snapshot> read_changes(git_repository* repository, git_commit* commit,
                              const wire::Request& request) {
    Snapshot out;
    out.sha = to_hex(git_commit_id(commit));
    auto base = find_base(repository, commit, request);
    if (!base) return out;
    out.base = to_hex(git_commit_id(base->get()));
    git_tree *old_tree = nullptr, *new_tree = nullptr;
    const int old_failed = git_commit_tree(&old_tree, base->get());
    Tree old_owned(old_tree);
    const int new_failed = git_commit_tree(&new_tree, commit);
    Tree new_owned(new_tree);
    if (old_failed != 0 || new_failed != 0) return out;
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.context_lines = 0;
    options.max_size = k_max_blob;
    git_diff* diff = nullptr;
    const int failed = git_diff_tree_to_tree(&diff, repository, old_tree, new_tree, &options);
    Diff owned(diff);
    if (failed != 0 || git_diff_num_deltas(diff) > k_max_files) return out;
    git_diff_find_options similar = GIT_DIFF_FIND_OPTIONS_INIT;
    similar.flags = GIT_DIFF_FIND_RENAMES;
    similar.rename_limit = 400;
    if (git_diff_find_similar(diff, &similar) != 0) return out;
    Walk walk;
    if (git_diff_foreach(diff, take_file, nullptr, take_hunk, nullptr, &walk) != 0) return out;
    out.changes = json::serialize(reports::to_json(walk.changes));
    return out;
}

}  // namespace sluice::git
