#include "server/blobs/blob_store.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::blobs {

namespace {

std::int64_t size_of(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_size : 0;
}

constexpr std::int64_t k_ahead = 4 << 20;
constexpr std::int64_t k_least = 64 << 10;

/// Reads of a remote blob in few requests: who goes on where the last read ended gets 4 MiB at
/// once; the table at a blob's end comes as a whole.
class ReadAhead {
public:
    ReadAhead(Remote& remote, std::string digest, std::int64_t stored)
        : remote_(remote), digest_(std::move(digest)), stored_(stored) {}

    Result<std::string> read(std::int64_t offset, std::int64_t size) {
        if (offset < 0 || size < 0 || offset + size > stored_)
            return error(Code::io, "io", "a read beyond the end of a blob");
        const std::int64_t end = at_ + static_cast<std::int64_t>(bytes_.size());
        if (offset < at_ || offset + size > end) {
            const bool goes_on = !bytes_.empty() && offset >= at_ && offset <= end;
            const std::int64_t from =
                offset >= stored_ - k_least ? std::max<std::int64_t>(0, stored_ - k_least) : offset;
            const std::int64_t want = std::min(
                stored_ - from, std::max(size + offset - from, goes_on ? k_ahead : k_least));
            bytes_.clear();
            SLUICE_TRY(bytes_, remote_.get(digest_, from, want));
            at_ = from;
        }
        return bytes_.substr(static_cast<std::size_t>(offset - at_),
                             static_cast<std::size_t>(size));
    }

private:
    Remote& remote_;
    std::string digest_, bytes_;
    std::int64_t stored_, at_ = 0;
};

/// Whose it is; nothing for a file that no upload is named like.
std::optional<AttemptId> uploader(const files::Path& file) {
    const std::string name = file.filename().string();
    return AttemptId::parse(name.substr(0, name.find('-')));
}

}  // namespace

Hold::~Hold() {
    store_.release(digest_);
}

Upload::Upload(BlobStore& store, files::Path path, std::string digest, std::int64_t length,
               files::Fd fd, std::uint64_t turn)
    : store_(store),
      path_(std::move(path)),
      digest_(std::move(digest)),
      length_(length),
      fd_(std::move(fd)),
      turn_(turn) {}

Upload::~Upload() {
    if (sealed_) store_.unseal(path_);
}

Result<> Upload::write(std::string_view bytes) {
    if (static_cast<std::int64_t>(bytes.size()) > length_ - at_) {
        ::unlink(path_.c_str());
        return error(Code::conflict, "digest_mismatch", "more bytes came than were announced");
    }
    if (!store_.is_turn(path_, turn_))
        return error(Code::conflict, "offset_mismatch", "a newer request sends this blob");
    SLUICE_CHECK(files::write_at(fd_.get(), bytes, at_));
    hash_.update(bytes);
    at_ += static_cast<std::int64_t>(bytes.size());
    return {};
}

Result<> Upload::verify() {
    // Before the look at the bytes: a newer request that writes others below them would have them
    // kept under this digest.
    if (!store_.seal(path_, turn_))
        return error(Code::conflict, "offset_mismatch", "a newer request sends this blob");
    sealed_ = true;
    if (hash_.finish_hex() != digest_) {
        ::unlink(path_.c_str());
        return error(Code::conflict, "digest_mismatch",
                     "the bytes are not those of the digest; send them again");
    }
    hold_ = store_.hold(digest_);
    if (!hold_) return error(Code::unavailable, "blob_busy", "another has this blob in hand");
    return {};
}

Result<> Upload::store() {
    if (store_.remote_ != nullptr)
        return store_.remote_->put(digest_, fd_.get(), length_, store_.notes_path(digest_));
    if (::fdatasync(fd_.get()) != 0) return files::errno_error(errno, "fdatasync");
    const files::Path to = store_.path(digest_);
    SLUICE_CHECK(files::make_dirs(to.parent_path(), 0750));
    if (::rename(path_.c_str(), to.c_str()) != 0) return files::errno_error(errno, "rename");
    SLUICE_TRY(const files::Fd folder, files::open(to.parent_path(), O_RDONLY | O_DIRECTORY));
    if (::fsync(folder.get()) != 0) return files::errno_error(errno, "fsync");
    return {};
}

void Upload::settle() {
    ::unlink(path_.c_str());
}

files::Path BlobStore::path(std::string_view digest) const {
    return root_ / std::string(digest.substr(0, 2)) / std::string(digest);
}

files::Path BlobStore::notes_path(std::string_view digest) const {
    return root_ / "parts" / std::string(digest);
}

files::Path BlobStore::upload_path(AttemptId attempt, std::string_view digest) const {
    return root_ / "uploads" / fmt::format("{}-{}", attempt.value, digest);
}

std::int64_t BlobStore::received(AttemptId attempt, std::string_view digest) const {
    auto fd = files::open(upload_path(attempt, digest), O_RDONLY);
    return fd ? size_of(fd->get()) : 0;
}

Result<std::unique_ptr<Upload>> BlobStore::upload(AttemptId attempt, std::string_view digest,
                                                  std::int64_t offset, std::int64_t length) {
    const files::Path path = upload_path(attempt, digest);
    SLUICE_CHECK(files::make_dirs(path.parent_path(), 0750));
    std::uint64_t turn = 0;
    {
        std::lock_guard taking(mutex_);
        if (sealed_.contains(path))
            return error(Code::unavailable, "blob_busy", "it is being kept already");
        turn = turns_[path] = next_turn_++;
    }
    SLUICE_TRY(files::Fd fd,
               files::open(path, O_RDWR | O_CREAT | (offset == 0 ? O_TRUNC : 0), 0640));
    const std::int64_t here = size_of(fd.get());
    if (here != offset)
        return error(Code::conflict, "offset_mismatch", fmt::format("go on at {}", here));
    std::unique_ptr<Upload> upload(
        new Upload(*this, path, std::string(digest), length, std::move(fd), turn));
    SLUICE_CHECK(crypto::digest_file(upload->fd_.get(), offset, upload->hash_));
    upload->at_ = offset;
    return upload;
}

bool BlobStore::seal(const files::Path& path, std::uint64_t turn) {
    std::lock_guard sealing(mutex_);
    const auto found = turns_.find(path);
    if (found == turns_.end() || found->second != turn) return false;
    turns_.erase(found);
    sealed_.insert(path);
    return true;
}

void BlobStore::unseal(const files::Path& path) {
    std::lock_guard unsealing(mutex_);
    sealed_.erase(path);
}

Result<OpenBlob> BlobStore::open(std::string_view digest, std::int64_t stored) const {
    auto opened = files::open(path(digest), O_RDONLY);
    if (opened) {
        auto fd = std::make_shared<files::Fd>(std::move(*opened));
        return OpenBlob{
            fd, [fd, get = packs::get_from(fd->get())](std::int64_t offset, std::size_t size) {
                return get(offset, size);
            }};
    }
    if (remote_ == nullptr || opened.error().code != Code::not_found) return opened.error();
    return OpenBlob{nullptr,
                    [ahead = std::make_shared<ReadAhead>(*remote_, std::string(digest), stored)](
                        std::int64_t offset, std::size_t size) {
                        return ahead->read(offset, static_cast<std::int64_t>(size));
                    }};
}

std::unique_ptr<Hold> BlobStore::hold(std::string_view digest) {
    std::lock_guard taking(mutex_);
    if (!held_.emplace(digest).second) return nullptr;
    return std::unique_ptr<Hold>(new Hold(*this, std::string(digest)));
}

void BlobStore::release(const std::string& digest) {
    std::lock_guard giving(mutex_);
    held_.erase(digest);
}

bool BlobStore::is_turn(const files::Path& path, std::uint64_t turn) const {
    std::lock_guard looking(mutex_);
    const auto found = turns_.find(path);
    return found != turns_.end() && found->second == turn;
}

Result<> BlobStore::remove(std::string_view digest) {
    // Also with a remote: of the time before there was one.
    ::unlink(path(digest).c_str());
    if (remote_ != nullptr) return remote_->remove(digest, notes_path(digest));
    return {};
}

void BlobStore::forget_upload(AttemptId attempt, std::string_view digest) {
    const files::Path path = upload_path(attempt, digest);
    std::lock_guard forgetting(mutex_);
    turns_.erase(path);
    ::unlink(path.c_str());
}

std::set<AttemptId> BlobStore::uploading() const {
    std::set<AttemptId> out;
    std::error_code failed;
    for (const auto& file : std::filesystem::directory_iterator(root_ / "uploads", failed))
        if (const auto attempt = uploader(file.path())) out.insert(*attempt);
    return out;
}

void BlobStore::forget_uploads(const std::set<AttemptId>& seen, const std::set<AttemptId>& live) {
    std::error_code failed;
    for (const auto& file : std::filesystem::directory_iterator(root_ / "uploads", failed)) {
        const auto attempt = uploader(file.path());
        if (attempt && (live.contains(*attempt) || !seen.contains(*attempt))) continue;
        std::lock_guard forgetting(mutex_);
        // What is being kept in this moment goes by itself.
        if (sealed_.contains(file.path())) continue;
        turns_.erase(file.path());
        ::unlink(file.path().c_str());
    }
}

std::vector<std::string> BlobStore::all() const {
    std::vector<std::string> out;
    std::error_code failed;
    for (const auto& folder : std::filesystem::directory_iterator(root_, failed)) {
        if (folder.path().filename().string().size() != 2) continue;  // uploads, parts
        std::error_code inner;
        for (const auto& file : std::filesystem::directory_iterator(folder.path(), inner))
            out.push_back(file.path().filename().string());
    }
    return out;
}

}  // namespace sluice::blobs
