/// Files of Git LFS: the server names and fetches them, the runner puts them into the workspace.
#include "agent/runner/lfs_files.hpp"
#include "agent/runner/server_source.hpp"
#include "platform/sha256.hpp"

#include <fmt/format.h>

#include <fcntl.h>

#include <set>

namespace sluice::agent {

namespace {

constexpr Duration k_poll{20'000};
constexpr int k_damaged_max = 3;

/// `950 kB`, `12 MB`.
std::string bytes_text(std::int64_t bytes) {
    if (bytes < 1'000) return fmt::format("{} bytes", bytes);
    if (bytes < 1'000'000) return fmt::format("{} kB", (bytes + 999) / 1'000);
    if (bytes < 10'000'000'000) return fmt::format("{} MB", (bytes + 999'999) / 1'000'000);
    return fmt::format("{} GB", (bytes + 999'999'999) / 1'000'000'000);
}

Result<bool> has_digest(const files::Path& path, const protocol::LfsPointer& object) {
    SLUICE_TRY(const files::Fd fd, files::open(path, O_RDONLY));
    crypto::Sha256 digest;
    SLUICE_CHECK(crypto::digest_file(fd.get(), object.size, digest));
    return digest.finish_hex() == object.sha256;
}

}  // namespace

/// Waits until the server has all objects. The first answer comes at once, so that the log says
/// what is waited for.
Result<protocol::LfsReply> ServerSource::lfs_objects(const std::string& submodule,
                                                     const Note& note) {
    backoff_.reset();
    protocol::LfsRequest wanted{submodule, Duration{0}};
    while (true) {
        Result<protocol::LfsReply> reply = api_.lfs(wanted);
        if (!reply) {
            SLUICE_CHECK(after_refusal(reply.error()));
            continue;
        }
        if (interrupted_)
            return error(Code::unavailable, "interrupted", "the checkout was interrupted");
        if (wanted.wait.count() == 0 && !reply->files.empty()) {
            std::int64_t bytes = 0;
            for (const protocol::LfsFile& file : reply->files) bytes += file.pointer.size;
            note(fmt::format("source: fetching {} {} of Git LFS{}, {}", reply->files.size(),
                             reply->files.size() == 1 ? "file" : "files",
                             submodule.empty() ? "" : " for submodule " + submodule,
                             bytes_text(bytes)));
        }
        if (reply->ready) return reply;
        wanted.wait = k_poll;
        backoff_.reset();
    }
}

/// Resumes where a connection broke off.
Result<> ServerSource::fetch_object(const protocol::LfsPointer& object,
                                    const std::string& submodule, const files::Path& to) {
    if (object.size == 0) return files::write_new(to, "", 0600);
    const protocol::Blob blob{object.sha256, object.size, object.size};
    backoff_.reset();
    for (int damaged = 0, asked = 0;;) {
        Result<> got = api_.get_blob("lfs/" + object.sha256, blob, to);
        if (!got && got.error().id == "lfs_not_asked" && asked++ < k_damaged_max) {
            // The server has been started anew meanwhile.
            SLUICE_CHECK(lfs_objects(submodule, [](const std::string&) {}));
            continue;
        }
        if (!got) {
            SLUICE_CHECK(after_refusal(got.error()));
            continue;
        }
        SLUICE_TRY(const bool good, has_digest(to, object));
        if (good) return {};
        SLUICE_CHECK(files::remove_tree(to));
        if (++damaged == k_damaged_max)
            return error(Code::conflict, "lfs_mismatch",
                         "object " + object.sha256 + " is damaged on its way from the server");
    }
}

Result<> ServerSource::carry_lfs(const files::Path& folder, const std::string& submodule,
                                 const Note& note) {
    const auto said = [&](Error refusal) {
        refusal.message = fmt::format("Git LFS: {}{} ({})",
                                      submodule.empty() ? "" : "submodule " + submodule + ": ",
                                      refusal.message, refusal.id);
        return refusal;
    };
    const auto reply = lfs_objects(submodule, note);
    if (!reply) return said(reply.error());
    if (reply->files.empty()) return {};
    std::map<std::string, std::size_t> uses;
    for (const protocol::LfsFile& file : reply->files) {
        if (auto good = check_lfs_pointer(folder, file); !good) return said(good.error());
        ++uses[file.pointer.sha256];
    }
    // On the same file system, and no place that a step looks at.
    const files::Path objects = folder / ".git" / "sluice-lfs";
    SLUICE_CHECK(files::make_dirs(objects, 0700));
    std::set<std::string> here;
    for (const protocol::LfsFile& file : reply->files) {
        const files::Path object = objects / file.pointer.sha256;
        Result<> done;
        if (here.insert(file.pointer.sha256).second)
            done = fetch_object(file.pointer, submodule, object);
        if (done) done = put_lfs_file(folder, file, object, --uses[file.pointer.sha256] == 0);
        if (!done) return said(done.error());
    }
    SLUICE_CHECK(files::remove_tree(objects));
    return note_lfs_files(folder, reply->files);
}

}  // namespace sluice::agent
