#pragma once
/// What the server asks of git: done by worker processes (`sluice-server git-worker`) over a pipe,
/// because libgit2 1.5 has no socket timeout and parses hostile packs (R7, rule 6). A worker past
/// its deadline is killed and replaced.

#include "pipelines/base/ids.hpp"
#include "pipelines/base/result.hpp"
#include "pipelines/plan/plan.hpp"
#include "pipelines/protocol/lfs.hpp"
#include "platform/files.hpp"
#include "server/git/lfs.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::git {

template <class T>
using awaitable = boost::asio::awaitable<T>;

struct Options {
    files::Path data;  ///< mirrors go to data/mirrors/<project>.git, packs to data/packs
    std::vector<files::Path>
        local_roots;  ///< absolute paths below these are opened in place, without a mirror
    std::size_t workers = 2;
    std::chrono::milliseconds deadline{
        120000};          ///< wall clock per request; then SIGKILL and `fetch_timeout`
    files::Path program;  ///< the executable to start as `git-worker`; default /proc/self/exe
    /// Hosts (`name`, `name:port`, or `*`) that may be reached although their address is loopback,
    /// private or link-local.
    std::vector<std::string> allowed_hosts;
    files::Path ssh_key;  ///< private key for ssh URLs (its .pub beside it); "" = the ssh agent
    std::uint64_t pack_cache_bytes =
        2ull << 30;  ///< data/packs is kept below this, least recently used first
};

/// A project's repository, as the store knows it.
struct Repo {
    ProjectId project;
    std::string url;  ///< https://, http://, ssh://, git@host:path, file:// or an absolute path
    std::string username;  ///< for http(s) repositories that are not public; never part of the URL
    std::string password;  ///< or an access token; never in a log, a file or an error
};

/// The commit as the planner needs it.
struct Snapshot {
    std::string
        sha;  ///< the commit that was read: what the request's id names, an annotated tag peeled
    std::vector<plan::SourceFile>
        files;  ///< `.ci.yml` and `.ci/*.yml`, byte order; empty when there is none
    /// The fragments of this repository that they name, and those that these name.
    std::vector<plan::SourceFile> fragments{};
    std::string message;  ///< sanitised, at most 64 KiB
    std::string author;   ///< name only, sanitised
    /// Of changes(): a JSON object as reports::to_json(ChangedLines) makes it, and its base's
    /// commit.
    std::string changes;
    std::string base;
    /// Changed paths from base to sha; nothing when base is empty, unknown or the diff is over
    /// 50,000 paths.
    std::optional<std::vector<std::string>> changed_paths;
    /// All files of the commit with their blob ids, when its configuration asks for them
    /// (plan::reads_tree()) and there are at most 500,000; submodules are not files.
    std::optional<std::vector<config::expression::TreeFile>> tree;
};

struct SnapshotRequest {
    Repo repo;
    std::string sha;
    std::string base;  ///< 40/64 hex or zeros or ""; for pull requests a branch tip: the merge base
                       ///< is taken
    bool use_merge_base = false;
    /// For pushes: where `base` is none of the commit's ancestors (a new branch, a force-push, an
    /// unknown old tip), what changed is told against the merge base with this branch (reference
    /// A2). "" = no such rule.
    std::string fallback_branch{};
    std::string ref;    ///< full ref name that holds it (for the fetch); "" = all heads and tags
    bool tree = false;  ///< give Snapshot::tree although no configuration of this commit asks
};

/// `git+https://host/repository//path.yml@<commit id>`, which the language has checked.
struct RemoteFile {
    std::string url;  ///< https://host/repository
    std::string sha;
    std::string path;
    /// Only what was fetched before: an outsider must not make the server fetch.
    bool cached_only = false;
};
/// Nothing for what has another form.
std::optional<RemoteFile> parse_remote_file(std::string_view reference);

/// A submodule of a commit, or of a submodule of it.
struct Submodule {
    std::string path;  ///< from the top of the project's commit
    std::string commit;
    Repo repo;
    std::string mirror;  ///< name of its mirror
};

/// What a commit has in Git LFS.
struct LfsListing {
    std::vector<protocol::LfsFile> files;  ///< by path
    LfsPlace place;                        ///< of their objects; of no meaning without files
};

struct PackRequest {
    std::string sha;
    std::vector<std::string> have{};      ///< commits that the reader has, the likeliest base first
    bool history = false;                 ///< with all ancestors and tags
    std::vector<std::string> branches{};  ///< that a history brings along
    std::string mirror{};                 ///< of a submodule, as Submodule; "" = the project's
};
struct Pack {
    files::Path file;
    std::string base;  ///< the commit of `have` that the reader needs beside it; "" = none
};

/// Any coroutine may call; requests for one repository are handled one at a time, others in
/// parallel. Errors: `commit_gone`, `fetch_timeout`, `fetch_failed`, `url_denied`,
/// `config_not_regular_file`, `config_too_large`, `config_wrong_name` (`.ci.yaml`), `bad_ref`,
/// `repository_missing`, `git_worker_died`, `stopped`. The io_context of `executor` must outlive
/// the service. Any number of its threads may run.
class GitService {
public:
    GitService(boost::asio::any_io_executor executor, Options options);
    ~GitService();
    GitService(const GitService&) = delete;
    GitService& operator=(const GitService&) = delete;

    /// Refuses schemes and addresses that are not allowed (G1, G2): id `url_denied`. Pure.
    Result<> check_url(const std::string& url) const;
    /// Reads what planning needs; fetches the mirror first when the commit is not there (refetched
    /// once by SHA).
    awaitable<Result<Snapshot>> snapshot(SnapshotRequest request);
    /// Which lines changed from the base to the commit, renames found: `changes` and `base` of the
    /// result, "" when there is no base or the change is too large (3,000 files, 100,000 hunks).
    awaitable<Result<Snapshot>> changes(SnapshotRequest request);
    /// A fragment of another repository at a commit; its content never changes, so a mirror that
    /// has the commit is not asked again. Nothing when the commit has no such file.
    awaitable<Result<std::optional<plan::SourceFile>>> remote_file(RemoteFile wanted);
    /// A file of the project's commit, as a fragment; nothing when it has none of that path.
    awaitable<Result<std::optional<plan::SourceFile>>> file(Repo repo, std::string sha,
                                                            std::string path);
    /// The commit that a branch, tag or full ref points to now, after a fetch for mirrors.
    /// `ref_not_found`.
    awaitable<Result<std::string>> resolve(Repo repo, std::string ref);
    /// `.ci.yml` and `.ci/*.yml` at the tip of a branch; for the gate.
    awaitable<Result<Snapshot>> branch_tip(Repo repo, std::string branch, std::string* sha);
    /// A file with what a checkout needs (write_pack says what is in it), kept for the next one who
    /// asks for the same.
    awaitable<Result<Pack>> pack(Repo repo, PackRequest request);
    /// All submodules of the commit, outer ones before inner ones. Errors: `bad_submodule`,
    /// `url_denied`, and those of a fetch.
    awaitable<Result<std::vector<Submodule>>> submodules(Repo repo, std::string sha);
    /// The files of the commit that are in Git LFS; `mirror` as Submodule, "" = the project's.
    /// Errors: `lfs_bad_pointer`, `lfs_too_large`, `lfs_denied`, `lfs_unsupported`, and those of a
    /// fetch.
    awaitable<Result<LfsListing>> lfs(Repo repo, std::string sha, std::string mirror = {});
    /// The rules that transfers of LFS objects keep, too.
    const Options& options() const;
    /// Kills the workers. Any thread.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// main() of `sluice-server git-worker`: requests on fd 3. Never returns while the pipe is open.
int worker_main();

}  // namespace sluice::git
