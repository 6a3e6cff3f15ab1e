#include "server/git/worker.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/lfs_read.hpp"
#include "server/git/pack.hpp"
#include "server/git/read.hpp"
#include "server/git/submodules.hpp"

namespace sluice::git {
namespace {

Error commit_gone(const std::string& sha) {
    return error(Code::gone, "commit_gone",
                 "commit " + text::sanitize_utf8(sha, 64) +
                     " is not in the repository; it may have been force-pushed away");
}

}  // namespace

wire::Reply Worker::handle(const wire::Request& request) {
    switch (request.op) {
        case wire::Op::snapshot: return snapshot(request);
        case wire::Op::resolve: return resolve(request);
        case wire::Op::pack: return pack(request);
        case wire::Op::changes: return changes(request);
        case wire::Op::file: return file(request);
        case wire::Op::submodules: return submodules(request);
        case wire::Op::lfs: return lfs(request);
    }
    return error(Code::internal, "git_worker_died", "unknown request");
}

void Worker::tidy() {
    repositories_.tidy();
    if (written_pack_.empty()) return;
    trim_packs(written_pack_.parent_path().parent_path(), repositories_.setup().pack_cache_bytes,
               written_pack_);
    written_pack_.clear();
}

Result<Commit> Worker::obtain(git_repository* repository, const wire::Request& request) {
    if (request.sha.empty()) {
        SLUICE_CHECK(repositories_.fetch(repository, request));
        return find_ref(repository, request.ref);
    }
    if (request.sha.size() == 64)
        return error(Code::unsupported, "commit_gone",
                     "repositories with SHA-256 object names are not supported");
    if (!request.refresh)
        if (auto commit = find_commit(repository, request.sha)) return std::move(*commit);
    if (request.url.empty() || request.cached_only) return commit_gone(request.sha);
    SLUICE_CHECK(repositories_.fetch(repository, request));
    if (auto commit = find_commit(repository, request.sha)) return std::move(*commit);
    // A force-push may have come between the event and us: many servers still hand the commit out
    // by its id.
    (void)repositories_.fetch_commit(repository, request);
    if (auto commit = find_commit(repository, request.sha)) return std::move(*commit);
    return commit_gone(request.sha);
}

Result<Snapshot> Worker::snapshot(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    return read_snapshot(repository, commit.get(), request);
}

Result<Snapshot> Worker::resolve(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    Snapshot out;
    out.sha = to_hex(git_commit_id(commit.get()));
    return out;
}

Result<Snapshot> Worker::changes(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    return read_changes(repository, commit.get(), request);
}

Result<Snapshot> Worker::file(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    Snapshot out;
    SLUICE_TRY(auto found, read_fragment(repository, commit.get(), request.file));
    if (found) out.files.push_back(std::move(*found));
    return out;
}

Result<Snapshot> Worker::submodules(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    SLUICE_TRY(const auto entries, read_submodules(repository, commit.get()));
    Snapshot out;
    for (const SubmoduleEntry& entry : entries)
        out.files.push_back({entry.path, entry.commit + " " + entry.url});
    return out;
}

Result<Snapshot> Worker::lfs(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    SLUICE_TRY(auto files, read_lfs_files(repository, commit.get()));
    Snapshot out;
    for (protocol::LfsFile& file : files)
        out.files.push_back(
            {std::move(file.path), file.pointer.sha256 + " " + std::to_string(file.pointer.size)});
    SLUICE_TRY(auto config, read_fragment(repository, commit.get(), ".lfsconfig"));
    if (config) out.fragments.push_back(std::move(*config));
    return out;
}

Result<Snapshot> Worker::pack(const wire::Request& request) {
    SLUICE_TRY(git_repository * repository, repositories_.open(request));
    SLUICE_TRY(Commit commit, obtain(repository, request));
    SLUICE_TRY(const WrittenPack written, write_pack(repository,
                                                     {.commit = *git_commit_id(commit.get()),
                                                      .have = request.have,
                                                      .history = request.history,
                                                      .branches = request.branches},
                                                     request.pack));
    written_pack_ = written.file;
    Snapshot out;
    out.files.push_back({written.file.string(), ""});
    out.base = written.base;
    return out;
}

}  // namespace sluice::git
