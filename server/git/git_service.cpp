#include "server/git/git_service.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"
#include "server/git/pack.hpp"
#include "server/git/submodules.hpp"
#include "server/git/url.hpp"
#include "server/git/wire.hpp"
#include "server/git/worker_pool.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <mutex>

namespace sluice::git {
namespace {

wire::Setup setup_of(const Options& options) {
    wire::Setup setup;
    setup.local_roots = options.local_roots;
    setup.allowed_hosts = options.allowed_hosts;
    setup.ssh_key = options.ssh_key;
    setup.pack_cache_bytes = options.pack_cache_bytes;
    setup.deadline_ms = options.deadline.count();
    return setup;
}

WorkerPool::Settings pool_settings(const Options& options) {
    return {.program = options.program.empty() ? files::Path("/proc/self/exe") : options.program,
            .workers = options.workers,
            .deadline = options.deadline,
            .setup = wire::encode(setup_of(options))};
}

}  // namespace

struct GitService::Impl {
    Impl(boost::asio::any_io_executor executor, Options wanted)
        : options(std::move(wanted)),
          pool(std::make_shared<WorkerPool>(std::move(executor), pool_settings(options))) {
        forget_old_packs(options.data / "packs");
    }
    ~Impl() { pool->stop(); }

    Result<Url> allowed_url(const std::string& text) const {
        SLUICE_TRY(Url url, parse_url(text));
        SLUICE_CHECK(check_literal(url, options.allowed_hosts));
        if (url.kind == Url::Kind::local && !below_root(url.path, options.local_roots))
            return error(Code::invalid, "url_denied",
                         "repositories on this machine are read only below the folders that were "
                         "given to the server: start it with --local-root DIR",
                         "url");
        return url;
    }

    /// Where the repository is for a worker.
    Result<wire::Request> request_for(const Repo& repo, wire::Op op,
                                      const std::string& mirror = {}) const {
        SLUICE_TRY(Url url, allowed_url(repo.url));
        wire::Request request;
        request.op = op;
        request.path = url.path;
        if (url.kind == Url::Kind::local) return request;
        const std::string name = mirror.empty() ? std::to_string(repo.project.value) : mirror;
        request.path = (options.data / "mirrors" / (name + ".git")).string();
        request.url = repo.url;
        request.username = repo.username;
        request.password = repo.password;
        return request;
    }

    awaitable<wire::Reply> send(wire::Request request) {
        std::string key = request.path;
        return pool->call(std::move(key), wire::encode(request));
    }

    const Options options;
    const std::shared_ptr<WorkerPool> pool;

    /// Of the commits that were asked about last: a runner asks again for each submodule. Never
    /// wrong, for a commit does not change.
    std::mutex known_mutex;
    std::deque<std::pair<std::string, std::vector<Submodule>>> known;
};

std::optional<RemoteFile> parse_remote_file(std::string_view reference) {
    constexpr std::string_view k_scheme = "git+https://";
    if (!reference.starts_with(k_scheme)) return std::nullopt;
    const std::size_t file = reference.find("//", k_scheme.size());
    const std::size_t commit = reference.rfind('@');
    if (file == std::string_view::npos || commit == std::string_view::npos || commit < file + 2)
        return std::nullopt;
    RemoteFile out;
    out.url = std::string(reference.substr(4, file - 4));
    out.path = std::string(reference.substr(file + 2, commit - file - 2));
    out.sha = std::string(reference.substr(commit + 1));
    return out;
}

GitService::GitService(boost::asio::any_io_executor executor, Options options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

GitService::~GitService() {
    stop();
}

void GitService::stop() {
    impl_->pool->stop();
}

Result<> GitService::check_url(const std::string& url) const {
    SLUICE_TRY([[maybe_unused]] Url parsed, impl_->allowed_url(url));
    return {};
}

awaitable<Result<Snapshot>> GitService::snapshot(SnapshotRequest wanted) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(wanted.repo, wire::Op::snapshot));
    if (!text::is_commit_id(wanted.sha))
        co_return error(Code::invalid, "bad_ref", "a commit is asked for by its 40 hex digits",
                        "sha");
    request.sha = std::move(wanted.sha);
    request.base = std::move(wanted.base);
    request.use_merge_base = wanted.use_merge_base;
    request.fallback_branch = std::move(wanted.fallback_branch);
    request.ref = std::move(wanted.ref);
    request.tree = wanted.tree;
    co_return co_await impl->send(std::move(request));
}

awaitable<Result<Snapshot>> GitService::changes(SnapshotRequest wanted) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(wanted.repo, wire::Op::changes));
    request.sha = std::move(wanted.sha);
    request.base = std::move(wanted.base);
    request.use_merge_base = wanted.use_merge_base;
    request.fallback_branch = std::move(wanted.fallback_branch);
    co_return co_await impl->send(std::move(request));
}

awaitable<Result<std::optional<plan::SourceFile>>> GitService::remote_file(RemoteFile wanted) {
    auto impl = impl_;
    SLUICE_CO_TRY(Url url, impl->allowed_url(wanted.url));
    if (!text::is_commit_id(wanted.sha))
        co_return error(Code::invalid, "bad_ref", "a commit is asked for by its 40 hex digits",
                        "sha");
    wire::Request request;
    request.op = wire::Op::file;
    request.path = url.path;
    if (url.kind != Url::Kind::local) {
        const std::string name = crypto::sha256_hex(wanted.url).substr(0, 32) + ".git";
        request.path = (impl->options.data / "mirrors" / "fragments" / name).string();
        request.url = std::move(wanted.url);
    }
    request.sha = std::move(wanted.sha);
    request.file = std::move(wanted.path);
    request.cached_only = wanted.cached_only;
    SLUICE_CO_TRY(Snapshot found, co_await impl->send(std::move(request)));
    if (found.files.empty()) co_return std::optional<plan::SourceFile>{};
    co_return std::optional(std::move(found.files.front()));
}

awaitable<Result<std::optional<plan::SourceFile>>> GitService::file(Repo repo, std::string sha,
                                                                    std::string path) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(repo, wire::Op::file));
    request.sha = std::move(sha);
    request.file = std::move(path);
    SLUICE_CO_TRY(Snapshot found, co_await impl->send(std::move(request)));
    if (found.files.empty()) co_return std::optional<plan::SourceFile>{};
    co_return std::optional(std::move(found.files.front()));
}

awaitable<Result<std::string>> GitService::resolve(Repo repo, std::string ref) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(repo, wire::Op::resolve));
    request.ref = std::move(ref);
    SLUICE_CO_TRY(Snapshot found, co_await impl->send(std::move(request)));
    co_return std::move(found.sha);
}

awaitable<Result<Snapshot>> GitService::branch_tip(Repo repo, std::string branch,
                                                   std::string* sha) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(repo, wire::Op::snapshot));
    request.ref = "refs/heads/" + branch;
    SLUICE_CO_TRY(Snapshot found, co_await impl->send(std::move(request)));
    if (sha) *sha = found.sha;
    co_return std::move(found);
}

awaitable<Result<Pack>> GitService::pack(Repo repo, PackRequest wanted) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(repo, wire::Op::pack, wanted.mirror));
    // The id becomes a file name.
    if (!text::is_commit_id(wanted.sha))
        co_return error(Code::invalid, "bad_ref", "a commit is asked for by its 40 hex digits",
                        "sha");
    const files::Path folder = impl->options.data / "packs" / std::to_string(repo.project.value);
    if (wanted.have.empty() && !wanted.history) {
        files::Path file = folder / (wanted.sha + ".pack");
        // Setting the time tells whether it is there, and keeps it from being the next to go.
        if (::utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0) co_return Pack{file, ""};
    }
    request.sha = std::move(wanted.sha);
    request.pack = folder.string();
    request.have = std::move(wanted.have);
    request.history = wanted.history;
    request.branches = std::move(wanted.branches);
    SLUICE_CO_TRY(Snapshot done, co_await impl->send(std::move(request)));
    co_return Pack{files::Path(done.files.at(0).path), done.base};
}

awaitable<Result<std::vector<Submodule>>> GitService::submodules(Repo repo, std::string sha) {
    constexpr std::size_t k_most = 64, k_deepest = 4, k_known = 32;
    struct Level {
        std::string path;
        std::string commit;
        Repo repo;
        std::vector<std::string> outer;  ///< URLs around it, its own last
        std::string mirror{};
    };
    auto impl = impl_;
    std::vector<Submodule> out;
    const std::string key = std::to_string(repo.project.value) + " " + repo.url + " " + sha;
    {
        std::lock_guard lock(impl->known_mutex);
        for (const auto& [of, known] : impl->known)
            if (of == key) co_return known;
    }
    std::vector<Level> levels{{"", std::move(sha), repo, {repo.url}}};
    for (std::size_t at = 0; at < levels.size(); ++at) {
        const Level level = levels[at];
        SLUICE_CO_TRY(wire::Request request,
                      impl->request_for(level.repo, wire::Op::submodules, level.mirror));
        request.sha = level.commit;
        SLUICE_CO_TRY(const Snapshot found, co_await impl->send(std::move(request)));
        for (const plan::SourceFile& file : found.files) {
            const std::size_t space = file.text.find(' ');
            const std::string path = level.path + file.path;
            const SubmoduleEntry entry{path, file.text.substr(space + 1),
                                       file.text.substr(0, space)};
            SLUICE_CO_TRY(std::string url, submodule_url(repo.url, level.repo.url, entry));
            SLUICE_CO_TRY([[maybe_unused]] Url allowed, impl->allowed_url(url));
            if (std::find(level.outer.begin(), level.outer.end(), url) != level.outer.end() ||
                level.outer.size() > k_deepest || out.size() == k_most)
                co_return error(
                    Code::invalid, "bad_submodule",
                    "submodule \"" + path + "\" is inside itself, more than 4 deep, or the 65th");
            const Repo inner{repo.project, url, "", ""};
            const std::string mirror = "submodules/" + crypto::sha256_hex(url).substr(0, 32);
            out.push_back({path, entry.commit, inner, mirror});
            levels.push_back({path + "/", entry.commit, inner, level.outer, mirror});
            levels.back().outer.push_back(std::move(url));
        }
    }
    std::lock_guard lock(impl->known_mutex);
    impl->known.emplace_front(key, out);
    if (impl->known.size() > k_known) impl->known.pop_back();
    co_return out;
}

awaitable<Result<LfsListing>> GitService::lfs(Repo repo, std::string sha, std::string mirror) {
    auto impl = impl_;
    SLUICE_CO_TRY(wire::Request request, impl->request_for(repo, wire::Op::lfs, mirror));
    request.sha = std::move(sha);
    SLUICE_CO_TRY(Snapshot found, co_await impl->send(std::move(request)));
    LfsListing out;
    for (plan::SourceFile& file : found.files) {
        const std::size_t space = file.text.find(' ');
        out.files.push_back({std::move(file.path),
                             {file.text.substr(0, space), std::stoll(file.text.substr(space))}});
    }
    if (out.files.empty()) co_return out;
    const bool has_config = !found.fragments.empty();
    if (has_config && !found.fragments.front().problem.empty())
        co_return error(Code::invalid, "lfs_denied",
                        ".lfsconfig " + found.fragments.front().problem);
    SLUICE_CO_TRY(out.place,
                  lfs_place(repo.url, has_config ? found.fragments.front().text : std::string()));
    co_return out;
}

const Options& GitService::options() const {
    return impl_->options;
}

}  // namespace sluice::git
