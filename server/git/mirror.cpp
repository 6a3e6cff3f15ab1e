#include "server/git/mirror.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/borrowed_mirrors.hpp"
#include "server/git/consolidate.hpp"

#include <sys/stat.h>

#include <chrono>
#include <thread>
#include <utility>

namespace sluice::git {
namespace {

constexpr std::size_t k_open = 64;
constexpr std::string_view k_lock_name = "sluice.lock";
constexpr const char* k_generation_name = "sluice.generation";

/// Holds the mirror alone among processes: the worker of a server that was killed may still be at
/// its fetch. Waits; the request's deadline ends the wait.
Result<files::LockFile> lock_mirror(const files::Path& mirror) {
    for (;;) {
        SLUICE_TRY(auto lock, files::LockFile::try_acquire(mirror / k_lock_name));
        if (lock) return std::move(*lock);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

struct Credentials {
    const wire::Request& request;
    const wire::Setup& setup;
    int asked = 0;
};

/// Each kind is offered once; libgit2 asks again when it was refused, which would never end.
int offer_credentials(git_credential** out, const char*, const char* user, unsigned int allowed,
                      void* payload) {
    auto& own = *static_cast<Credentials*>(payload);
    if (allowed & GIT_CREDENTIAL_USERNAME) return git_credential_username_new(out, "git");
    if (own.asked++ > 0) return GIT_EAUTH;
    if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) && !own.request.password.empty()) {
        const std::string& name = own.request.username;
        return git_credential_userpass_plaintext_new(out, name.empty() ? "git" : name.c_str(),
                                                     own.request.password.c_str());
    }
    if (!(allowed & GIT_CREDENTIAL_SSH_KEY)) return GIT_EAUTH;
    const std::string login = user && *user ? user : "git";
    if (own.setup.ssh_key.empty()) return git_credential_ssh_key_from_agent(out, login.c_str());
    const std::string key = own.setup.ssh_key.string();
    return git_credential_ssh_key_new(out, login.c_str(), (key + ".pub").c_str(), key.c_str(),
                                      nullptr);
}

bool is_mirrored(const std::string& ref) {
    return ref.starts_with("refs/heads/") || ref.starts_with("refs/tags/");
}

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> endings) {
    for (std::string_view ending : endings)
        if (name.ends_with(ending)) return true;
    return false;
}

}  // namespace

std::string last_message() {
    const ::git_error* last = git_error_last();
    return text::sanitize_utf8(last && last->message ? last->message : "unknown failure", 500);
}

Error git_error(Code code, std::string id, std::string what) {
    return error(code, std::move(id), std::move(what) + ": " + last_message());
}

void remove_leftovers(const files::Path& mirror) {
    std::error_code ignored;
    for (const char* name : {"HEAD.lock", "config.lock", "packed-refs.lock", "FETCH_HEAD.lock"})
        std::filesystem::remove(mirror / name, ignored);
    for (auto it = std::filesystem::recursive_directory_iterator(mirror / "refs", ignored);
         it != std::filesystem::recursive_directory_iterator(); it.increment(ignored)) {
        if (ignored) return;
        // No ref is named so (git forbids the ending).
        if (it->path().extension() == ".lock") std::filesystem::remove(it->path(), ignored);
    }
    for (auto it = std::filesystem::directory_iterator(mirror / "objects" / "pack", ignored);
         it != std::filesystem::directory_iterator(); it.increment(ignored)) {
        if (ignored) return;
        const std::string name = it->path().filename().string();
        if (!ends_with_any(name, {".pack", ".idx"})) std::filesystem::remove(it->path(), ignored);
    }
}

RepositoryCache::Identity RepositoryCache::identify(const std::string& path) {
    struct stat status {};
    Identity identity;
    if (::stat(path.c_str(), &status) != 0) return identity;
    identity.device = status.st_dev;
    identity.inode = status.st_ino;
    if (::stat((path + "/" + k_generation_name).c_str(), &status) == 0)
        identity.generation = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    return identity;
}

Result<git_repository*> RepositoryCache::open(const wire::Request& request) {
    if (is_borrowed(request.path)) touch_mirror(request.path);
    const Identity now = identify(request.path);
    for (auto it = open_.begin(); it != open_.end(); ++it) {
        if (it->path != request.path) continue;
        if (now.inode != 0 && it->identity == now) {
            open_.splice(open_.begin(), open_, it);
            return open_.front().repository.get();
        }
        open_.erase(it);
        break;
    }
    SLUICE_TRY(Repository repository, open_new(request));
    if (open_.size() == k_open) open_.pop_back();
    open_.push_front({request.path, identify(request.path), std::move(repository)});
    return open_.front().repository.get();
}

Result<Repository> RepositoryCache::open_new(const wire::Request& request) {
    git_repository* repository = nullptr;
    if (!request.url.empty()) {
        if (git_repository_open_bare(&repository, request.path.c_str()) == 0)
            return Repository(repository);
        // Also when a crash left half a mirror: init completes what is there.
        SLUICE_CHECK(files::make_dirs(files::Path(request.path).parent_path(), 0700));
        if (git_repository_init(&repository, request.path.c_str(), 1) != 0)
            return git_error(Code::io, "io", "cannot make the mirror");
        return Repository(repository);
    }
    std::error_code failed;
    const files::Path real = std::filesystem::canonical(request.path, failed);
    if (failed)
        return error(Code::not_found, "repository_missing",
                     "no such repository: " + failed.message());
    std::vector<files::Path> roots;
    for (const files::Path& root : setup_.local_roots)
        roots.push_back(std::filesystem::weakly_canonical(root, failed));
    if (!below_root(real, roots))
        return error(Code::invalid, "url_denied",
                     "the path leads out of the administrator's list of roots", "url");
    if (git_repository_open_ext(&repository, request.path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH,
                                nullptr) != 0)
        return git_error(Code::not_found, "repository_missing", "this is no git repository");
    return Repository(repository);
}

Result<> RepositoryCache::fetch(git_repository* repository, const wire::Request& request) {
    if (request.url.empty()) return {};
    std::vector<std::string> refspecs{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};
    if (request.ref.starts_with("refs/") && !is_mirrored(request.ref)) {
        // A name that git refuses could be a pattern, or a refspec of its own.
        int valid = 0;
        if (git_reference_name_is_valid(&valid, request.ref.c_str()) != 0 || valid != 1)
            return error(Code::invalid, "bad_ref", "the ref to fetch is no ref name", "ref");
        refspecs.push_back("+" + request.ref + ":" + request.ref);
    }
    return fetch_refspecs(repository, request, std::move(refspecs));
}

Result<> RepositoryCache::fetch_commit(git_repository* repository, const wire::Request& request) {
    if (request.url.empty()) return {};
    return fetch_refspecs(repository, request,
                          {"+" + request.sha + ":refs/sluice/commits/" + request.sha});
}

Result<> RepositoryCache::fetch_refspecs(git_repository* repository, const wire::Request& request,
                                         std::vector<std::string> refspecs) {
    SLUICE_TRY(Url url, parse_url(request.url));
    SLUICE_CHECK(check_resolved(url, setup_.allowed_hosts));
    SLUICE_TRY(auto lock, lock_mirror(request.path));
    remove_leftovers(request.path);

    git_remote* made = nullptr;
    if (git_remote_create_anonymous(&made, repository, request.url.c_str()) != 0)
        return git_error(Code::invalid, "fetch_failed", "the URL cannot be used");
    Remote remote(made);
    Credentials credentials{request, setup_};
    git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
    options.callbacks.credentials = offer_credentials;
    options.callbacks.payload = &credentials;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.prune = GIT_FETCH_PRUNE;
    // A redirect would lead to an address that was not checked, with our credentials.
    options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
    options.proxy_opts.type = GIT_PROXY_NONE;

    git_remote_connect_options connect = GIT_REMOTE_CONNECT_OPTIONS_INIT;
    connect.callbacks = options.callbacks;
    connect.proxy_opts = options.proxy_opts;
    connect.follow_redirects = options.follow_redirects;
    std::vector<char*> pointers;
    pointers.reserve(refspecs.size());
    for (std::string& refspec : refspecs) pointers.push_back(refspec.data());
    const git_strarray list{pointers.data(), pointers.size()};
    // By steps, because git_remote_fetch prunes last: a branch `a` that became `a/b` would stop it.
    int connected = git_remote_connect_ext(remote.get(), GIT_DIRECTION_FETCH, &connect);
    if (connected == 0) connected = git_remote_download(remote.get(), &list, &options);
    if (connected == GIT_EAUTH)
        return error(Code::unavailable, "fetch_failed",
                     url.host + " wants credentials, and has got none or refuses them", "url");
    if (connected != 0)
        return git_error(Code::unavailable, "fetch_failed", "cannot fetch from " + url.host);
    const bool failed = git_remote_prune(remote.get(), &options.callbacks) != 0 ||
                        git_remote_update_tips(remote.get(), &options.callbacks, 0,
                                               GIT_REMOTE_DOWNLOAD_TAGS_NONE, "fetch") != 0;
    if (failed)
        return git_error(Code::unavailable, "fetch_failed", "cannot update the mirror's refs");
    git_remote_disconnect(remote.get());
    fetched_into_ = request.path;
    return {};
}

void RepositoryCache::tidy() {
    if (fetched_into_.empty()) return;
    const std::string mirror = std::exchange(fetched_into_, {});
    if (is_borrowed(mirror)) trim_borrowed(files::Path(mirror).parent_path());
    auto lock = files::LockFile::try_acquire(files::Path(mirror) / k_lock_name);
    if (!lock || !*lock || !consolidate(mirror)) return;
    (void)files::write_atomic(files::Path(mirror) / k_generation_name, "", 0600, false);
}

}  // namespace sluice::git
