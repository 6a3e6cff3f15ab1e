#include "platform/packs/pack_writer.hpp"

#include "platform/packs/seekable.hpp"
#include "platform/sha256.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::packs {

namespace {

using protocol::Blob;
using protocol::PackEntry;

constexpr std::size_t k_files_max = 1'000'000;

Result<files::Fd> open_beneath(int root, const std::string& path, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    // A path that a job left may lead through a link to anywhere.
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const int fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
    if (fd < 0) return files::errno_error(errno, path);
    return files::Fd(fd);
}

/// One blob on its way to the disk.
class BlobFile {
public:
    static Result<std::unique_ptr<BlobFile>> create(const files::Path& path) {
        SLUICE_TRY(files::Fd fd, files::open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
        return std::make_unique<BlobFile>(path, std::move(fd));
    }
    BlobFile(files::Path path, files::Fd fd)
        : path_(std::move(path)), fd_(std::move(fd)), writer_([this](std::string_view bytes) {
              digest_.update(bytes);
              return append(bytes);
          }) {}

    SeekableWriter& content() { return writer_; }
    Result<Blob> finish(const WriteOptions& options) {
        SLUICE_CHECK(writer_.finish());
        Blob blob{digest_.finish_hex(), writer_.stored(), writer_.bytes()};
        Result<> taken = options.take(blob, path_);
        ::unlink(path_.c_str());
        if (!taken) return taken.error();
        return blob;
    }

private:
    Result<> append(std::string_view bytes) {
        SLUICE_CHECK(files::write_at(fd_.get(), bytes, at_));
        at_ += static_cast<std::int64_t>(bytes.size());
        return {};
    }

    files::Path path_;
    files::Fd fd_;
    std::int64_t at_ = 0;
    crypto::Sha256 digest_;
    SeekableWriter writer_;
};

class Writer {
public:
    explicit Writer(const WriteOptions& options) : options_(options) {}

    Result<Written> run(std::vector<std::string> paths) {
        std::sort(paths.begin(), paths.end());
        paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
        SLUICE_CHECK(files::make_dirs(options_.scratch, 0700));
        SLUICE_TRY(root_, files::open(options_.root, O_PATH | O_DIRECTORY));
        // The head comes first and is known last: entries wait in a file.
        const files::Path waiting = options_.scratch / "entries";
        SLUICE_TRY(entries_, files::open(waiting, O_RDWR | O_CREAT | O_TRUNC, 0600));
        ::unlink(waiting.c_str());
        for (const std::string& path : paths) {
            if (options_.stopped && options_.stopped())
                return error(Code::unavailable, "interrupted", "interrupted");
            SLUICE_CHECK(add(path));
        }
        SLUICE_CHECK(end_shared());
        SLUICE_CHECK(write_entries());
        SLUICE_TRY(const Blob manifest, finish_manifest());
        return Written{manifest, std::move(head_)};
    }

private:
    Result<> add(const std::string& path) {
        SLUICE_CHECK(protocol::check_pack_path(path));
        SLUICE_TRY(const files::Fd look, open_beneath(root_.get(), path, O_PATH | O_NOFOLLOW));
        struct stat status {};
        if (::fstat(look.get(), &status) != 0) return files::errno_error(errno, path);
        PackEntry entry;
        entry.path = path;
        if (S_ISDIR(status.st_mode)) {
            entry.type = PackEntry::Type::dir;
            return list(entry);
        }
        if (S_ISLNK(status.st_mode)) {
            std::string to(4097, '\0');
            const ssize_t n = ::readlinkat(look.get(), "", to.data(), to.size());
            if (n < 0) return files::errno_error(errno, path);
            to.resize(static_cast<std::size_t>(n));
            SLUICE_CHECK(protocol::check_pack_link(path, to));
            entry.type = PackEntry::Type::link;
            entry.to = std::move(to);
            return list(entry);
        }
        if (!S_ISREG(status.st_mode))
            return error(Code::invalid, "archive_type",
                         path + " is no file, folder or link and can't be packed");
        entry.executable = (status.st_mode & 0111) != 0;
        entry.size = status.st_size;
        if (entry.size == 0) return list(entry);
        SLUICE_TRY(const files::Fd file, open_beneath(root_.get(), path, O_RDONLY | O_NOFOLLOW));
        if (entry.size >= options_.own_blob) return add_large(entry, file);
        return add_small(entry, file);
    }

    Result<> add_small(PackEntry& entry, const files::Fd& file) {
        if (shared_ && shared_->content().bytes() + entry.size > options_.shared_blob)
            SLUICE_CHECK(end_shared());
        if (!shared_) {
            SLUICE_TRY(shared_, BlobFile::create(options_.scratch / "shared"));
            // Its number is taken now: large files in between have theirs behind it.
            shared_index_ = head_.blobs.size();
            head_.blobs.emplace_back();
        }
        entry.blob = static_cast<std::int64_t>(shared_index_);
        entry.at = shared_->content().bytes();
        SLUICE_CHECK(copy(entry, file, shared_->content()));
        return list(entry);
    }

    Result<> add_large(PackEntry& entry, const files::Fd& file) {
        SLUICE_TRY(auto own, BlobFile::create(options_.scratch / "own"));
        SLUICE_CHECK(copy(entry, file, own->content()));
        SLUICE_TRY(Blob blob, own->finish(options_));
        entry.blob = static_cast<std::int64_t>(head_.blobs.size());
        head_.blobs.push_back(std::move(blob));
        return list(entry);
    }

    Result<> copy(const PackEntry& entry, const files::Fd& file, SeekableWriter& out) {
        std::int64_t left = entry.size;
        while (true) {
            const ssize_t n = ::read(file.get(), buffer_.data(), buffer_.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return files::errno_error(errno, entry.path);
            if (n == 0 && left == 0) return {};
            left -= n;
            if (n == 0 || left < 0)
                return error(Code::conflict, "file_changed",
                             entry.path + " changed while it was packed");
            SLUICE_CHECK(
                out.write(std::string_view(buffer_).substr(0, static_cast<std::size_t>(n))));
            if (options_.stopped && options_.stopped())
                return error(Code::unavailable, "interrupted", "interrupted");
        }
    }

    Result<> end_shared() {
        if (!shared_) return {};
        SLUICE_TRY(head_.blobs[shared_index_], shared_->finish(options_));
        shared_.reset();
        return {};
    }

    Result<> list(const PackEntry& entry) {
        ++head_.files;
        head_.bytes += entry.size;
        lines_ += protocol::entry_line(entry);
        lines_ += '\n';
        if (lines_.size() < k_block) return {};
        return write_entries();
    }

    Result<> write_entries() {
        SLUICE_CHECK(files::write_at(entries_.get(), lines_, entries_size_));
        entries_size_ += static_cast<std::int64_t>(lines_.size());
        lines_.clear();
        return {};
    }

    Result<Blob> finish_manifest() {
        SLUICE_TRY(auto manifest, BlobFile::create(options_.scratch / "manifest"));
        SLUICE_CHECK(manifest->content().write(protocol::head_line(head_) + "\n"));
        const GetAt get = get_from(entries_.get());
        for (std::int64_t at = 0; at < entries_size_;) {
            const auto n = std::min<std::int64_t>(entries_size_ - at, k_block);
            SLUICE_TRY(const std::string piece, get(at, static_cast<std::size_t>(n)));
            SLUICE_CHECK(manifest->content().write(piece));
            at += n;
        }
        return manifest->finish(options_);
    }

    const WriteOptions& options_;
    files::Fd root_, entries_;
    protocol::PackHead head_;
    std::unique_ptr<BlobFile> shared_;
    std::size_t shared_index_ = 0;
    std::string lines_;
    std::int64_t entries_size_ = 0;
    std::string buffer_ = std::string(256 << 10, '\0');
};

}  // namespace

Result<Written> write_pack(std::vector<std::string> paths, const WriteOptions& options) {
    return Writer(options).run(std::move(paths));
}

Result<std::vector<std::string>> list_tree(const files::Path& root, bool without_git) {
    namespace fs = std::filesystem;
    std::vector<std::string> out;
    std::error_code failed;
    for (fs::recursive_directory_iterator at(root, failed), end; !failed && at != end;
         at.increment(failed)) {
        if (without_git && at.depth() == 0 && at->path().filename() == ".git") {
            at.disable_recursion_pending();
            continue;
        }
        std::error_code ignored;
        const auto type = at->symlink_status(ignored).type();
        if (type == fs::file_type::directory && !fs::is_empty(at->path(), ignored)) continue;
        if (out.size() == k_files_max)
            return error(Code::too_large, "archive_quota", "more than a million files");
        out.push_back(at->path().lexically_relative(root).string());
    }
    if (failed) return error(Code::io, "io", "cannot list the files: " + failed.message());
    return out;
}

}  // namespace sluice::packs
