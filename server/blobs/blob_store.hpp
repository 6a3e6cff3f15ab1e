#pragma once
/// Content-addressed files: a blob is named by the SHA-256 of its bytes and never changes. Uploads
/// are resumed by offset and become blobs when all bytes are there and fit the digest. Which blob
/// is still referred to is the database's business. Blocking: disk pool. Any thread.

#include "pipelines/base/ids.hpp"
#include "platform/files.hpp"
#include "platform/sha256.hpp"

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
    Result<> write(std::string_view bytes);
    /// What has come, with what came before.
    std::int64_t received() const { return at_; }
    bool complete() const { return at_ == length_; }
    /// Call when complete: on the disk under its digest. Keep the hold until the row is written.
    /// Errors: `digest_mismatch` (what came is thrown away), `blob_busy` (unavailable).
    Result<std::unique_ptr<Hold>> commit();

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
};

class BlobStore {
public:
    explicit BlobStore(files::Path root) : root_(std::move(root)) {}

    /// Bytes of that upload that are here.
    std::int64_t received(AttemptId attempt, std::string_view digest) const;
    /// Goes on at `offset`; refused with `offset_mismatch` (conflict) when that is not what is
    /// here. Offset 0 begins anew.
    Result<std::unique_ptr<Upload>> upload(AttemptId attempt, std::string_view digest,
                                           std::int64_t offset, std::int64_t length);
    Result<files::Fd> open(std::string_view digest) const;

    /// Nothing while another holds it.
    std::unique_ptr<Hold> hold(std::string_view digest);
    /// The caller holds it.
    void remove(std::string_view digest);
    /// Throws away what attempts have sent in part, but for these.
    void forget_uploads(const std::set<AttemptId>& live);
    /// Digests of all files that are here; for a look at what a crash left behind.
    std::vector<std::string> all() const;

private:
    friend class Hold;
    friend class Upload;
    files::Path path(std::string_view digest) const;
    files::Path upload_path(AttemptId attempt, std::string_view digest) const;
    void release(const std::string& digest);
    bool is_turn(const files::Path& path, std::uint64_t turn) const;

    files::Path root_;
    mutable std::mutex mutex_;
    std::set<std::string> held_;
    std::map<files::Path, std::uint64_t> turns_;  // of uploads: the newest request's
    std::uint64_t next_turn_ = 1;
};

}  // namespace sluice::blobs
