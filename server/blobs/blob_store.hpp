#pragma once
/// Content-addressed files: a blob is named by the SHA-256 of its bytes and never changes. Uploads
/// are resumed by offset and become blobs when all bytes are there and fit the digest. They stay in
/// the folder or move on to a Remote, of which the folder is then only the place where uploads
/// gather. Which blob there is, and is still referred to, is the database's business. Blocking: the
/// disk pool, and one of their own for store(), remove() and what open() gives. Any thread.

#include "pipelines/base/ids.hpp"
#include "platform/files.hpp"
#include "platform/packs/seekable.hpp"
#include "platform/sha256.hpp"
#include "server/blobs/remote.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::blobs {

class BlobStore;

/// Keeps a digest from being removed, or from being made, by another while its row is written.
class Hold {
public:
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

private:
    friend class BlobStore;
    Hold(BlobStore& store, std::string digest) : store_(store), digest_(std::move(digest)) {}
    BlobStore& store_;
    std::string digest_;
};

/// The bytes of one request. A newer request for the same blob of the same attempt overtakes it.
class Upload {
public:
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;
    Result<> write(std::string_view bytes);
    /// What has come, with what came before.
    std::int64_t received() const { return at_; }
    bool complete() const { return at_ == length_; }
    /// Call when complete: the bytes are those of the digest, and from now on nobody else makes or
    /// removes that blob or changes what came, as long as the object lives. Errors:
    /// `digest_mismatch` (what came is thrown away), `offset_mismatch` (a newer request has
    /// overtaken this one), `blob_busy` (unavailable).
    Result<> verify();
    /// After verify(): to its place, on the disk or at the remote. What came stays until settle(),
    /// so a remote that can't be reached costs no second upload.
    Result<> store();
    /// The database knows the blob: what came can go.
    void settle();

private:
    friend class BlobStore;
    Upload(BlobStore& store, files::Path path, std::string digest, std::int64_t length,
           files::Fd fd, std::uint64_t turn);
    BlobStore& store_;
    files::Path path_;
    std::string digest_;
    std::int64_t at_ = 0, length_;
    files::Fd fd_;
    std::uint64_t turn_;
    crypto::Sha256 hash_;
    std::unique_ptr<Hold> hold_;
    bool sealed_ = false;
};

/// A blob that is open for reading, by one thread at a time.
struct OpenBlob {
    std::shared_ptr<files::Fd> fd;  ///< of a file of this machine; nothing when it is elsewhere
    packs::GetAt get;               ///< reads ahead, up to 4 MiB, when it is elsewhere
};

class BlobStore {
public:
    explicit BlobStore(files::Path root, Remote* remote = nullptr)
        : root_(std::move(root)), remote_(remote) {}

    /// Blobs are kept elsewhere: a digest is noted as doubtful (store/packs.hpp) before store() and
    /// remove(), which may be cut off half-way.
    bool is_remote() const { return remote_ != nullptr; }

    /// Bytes of that upload that are here.
    std::int64_t received(AttemptId attempt, std::string_view digest) const;
    /// Goes on at `offset`; refused with `offset_mismatch` (conflict) when that is not what is
    /// here, with `blob_busy` (unavailable) while a complete one is brought to its place. Offset 0
    /// begins anew.
    Result<std::unique_ptr<Upload>> upload(AttemptId attempt, std::string_view digest,
                                           std::int64_t offset, std::int64_t length);
    /// `stored` bytes, as the database says. Nothing is asked of a remote yet.
    Result<OpenBlob> open(std::string_view digest, std::int64_t stored) const;

    /// Nothing while another holds it.
    std::unique_ptr<Hold> hold(std::string_view digest);
    /// The caller holds it. Refused when a remote can't be reached.
    Result<> remove(std::string_view digest);
    /// The blob is known: what came of it once more, or before a crash, is not needed.
    void forget_upload(AttemptId attempt, std::string_view digest);
    /// Attempts that have sent something in part.
    std::set<AttemptId> uploading() const;
    /// Throws away what attempts have sent in part, but for these and for those that were not
    /// `uploading()` when the caller looked.
    void forget_uploads(const std::set<AttemptId>& seen, const std::set<AttemptId>& live);
    /// Digests of all files that are here, not of what a remote has; for a look at what a crash
    /// left behind.
    std::vector<std::string> all() const;

private:
    friend class Hold;
    friend class Upload;
    files::Path path(std::string_view digest) const;
    files::Path notes_path(std::string_view digest) const;
    files::Path upload_path(AttemptId attempt, std::string_view digest) const;
    void release(const std::string& digest);
    bool is_turn(const files::Path& path, std::uint64_t turn) const;
    /// Nobody writes to that upload any more; false when a newer request does.
    bool seal(const files::Path& path, std::uint64_t turn);
    void unseal(const files::Path& path);

    files::Path root_;
    Remote* remote_;
    mutable std::mutex mutex_;
    std::set<std::string> held_;
    std::map<files::Path, std::uint64_t> turns_;  // of uploads: the newest request's
    std::uint64_t next_turn_ = 1;
    std::set<files::Path> sealed_;
};

}  // namespace sluice::blobs
