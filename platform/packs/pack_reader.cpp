#include "platform/packs/pack_reader.hpp"

#include "platform/sha256.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace sluice::packs {

namespace {

using protocol::Blob;
using protocol::PackEntry;
using protocol::PackHead;

constexpr std::size_t k_line_max = 33 << 20;

/// A blob on the disk, open for reading.
struct Fetched {
    files::Fd fd;
    std::optional<SeekableReader> content;
    std::uint64_t used = 0;
};

class Unpacker {
public:
    explicit Unpacker(const UnpackOptions& options) : options_(options) {}

    Result<Unpacked> run(const Blob& manifest) {
        SLUICE_CHECK(files::make_dirs(options_.scratch, 0700));
        SLUICE_CHECK(files::make_dirs(options_.to));
        SLUICE_TRY(root_, files::open(options_.to, O_RDONLY | O_DIRECTORY));
        SLUICE_TRY(Fetched list, fetch(manifest, "manifest"));
        const auto take = [this](const PackHead& head, const PackEntry& entry) -> Result<bool> {
            SLUICE_CHECK(check_head(head));
            if (done_.first.empty()) done_.first = entry.path;
            if (options_.single_name.empty() || head.files != 1) {
                SLUICE_CHECK(put(head, entry));
                return true;
            }
            PackEntry renamed = entry;
            renamed.path = options_.single_name;
            SLUICE_CHECK(put(head, renamed));
            return true;
        };
        SLUICE_CHECK(each_entry(*list.content, options_.limits, take));
        // Links come last: no file can be written through one.
        for (const auto& [path, to] : links_) SLUICE_CHECK(put_link(path, to));
        return done_;
    }

private:
    Result<> check_head(const PackHead& head) {
        if (std::exchange(head_checked_, true)) return {};
        for (const Blob& blob : head.blobs)
            if (std::find(options_.blobs.begin(), options_.blobs.end(), blob) ==
                options_.blobs.end())
                return error(Code::invalid, "archive_corrupt",
                             "the manifest names a blob that is none of the pack");
        return {};
    }

    Result<Fetched> fetch(const Blob& blob, const std::string& name) {
        const files::Path file = options_.scratch / name;
        Result<> got = options_.fetch(blob, file);
        if (got) got = check_blob(file, blob);
        Fetched out;
        if (got) {
            auto fd = files::open(file, O_RDONLY);
            if (fd) out.fd = std::move(*fd);
            if (!fd) got = fd.error();
        }
        ::unlink(file.c_str());
        if (!got) return got.error();
        SLUICE_TRY(out.content,
                   SeekableReader::open(get_from(out.fd.get()), blob.stored, blob.bytes));
        return out;
    }

    Result<SeekableReader*> blob(const PackHead& head, std::int64_t index) {
        auto found = open_.find(index);
        if (found == open_.end()) {
            if (open_.size() == 2)
                open_.erase(std::min_element(
                    open_.begin(), open_.end(),
                    [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
            SLUICE_TRY(Fetched fetched, fetch(head.blobs[static_cast<std::size_t>(index)], "blob"));
            found = open_.emplace(index, std::move(fetched)).first;
        }
        found->second.used = ++uses_;
        return &*found->second.content;
    }

    /// The folder of the path, made on the way; never through a link.
    Result<int> parent_of(const std::string& path) {
        const auto slash = path.rfind('/');
        const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
        if (parent == parent_path_) return parent_ ? parent_.get() : root_.get();
        SLUICE_TRY(files::Fd fd, folder(parent));
        parent_path_ = parent;
        parent_ = std::move(fd);
        return parent_ ? parent_.get() : root_.get();
    }

    /// Opens and makes each part; none for the root itself.
    Result<files::Fd> folder(const std::string& path) {
        files::Fd at;
        for (std::size_t begin = 0; begin < path.size();) {
            const auto slash = std::min(path.find('/', begin), path.size());
            const std::string part = path.substr(begin, slash - begin);
            const int above = at ? at.get() : root_.get();
            if (::mkdirat(above, part.c_str(), 0755) != 0 && errno != EEXIST)
                return files::errno_error(errno, path);
            const int fd =
                ::openat(above, part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
                return error(Code::invalid, "archive_link",
                             fmt::format("\"{}\" leads through something that is no folder", path));
            if (fd < 0) return files::errno_error(errno, path);
            at = files::Fd(fd);
            begin = slash + 1;
        }
        return at;
    }

    Result<> put(const PackHead& head, const PackEntry& entry) {
        if (options_.stopped && options_.stopped())
            return error(Code::unavailable, "interrupted", "interrupted");
        ++done_.files;
        if (entry.type == PackEntry::Type::dir) {
            SLUICE_TRY(const files::Fd made, folder(entry.path));
            return {};
        }
        if (entry.type == PackEntry::Type::link) {
            links_.emplace_back(entry.path, entry.to);
            return {};
        }
        SLUICE_TRY(const int parent, parent_of(entry.path));
        const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
        if (options_.replace && ::unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT)
            return files::errno_error(errno, entry.path);
        // Set-id bits, owners and times have no way in (T6).
        const int mode = (entry.executable ? 0755 : 0644) & (options_.read_only ? 0555 : 0777);
        const files::Fd file(::openat(parent, name.c_str(),
                                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        if (!file && errno == EEXIST)
            return error(Code::conflict, "archive_duplicate",
                         fmt::format("\"{}\" is there already", entry.path));
        if (!file) return files::errno_error(errno, entry.path);
        if (entry.size > 0) SLUICE_CHECK(copy(head, entry, file.get()));
        // The umask of who runs this is no word of the pack's.
        ::fchmod(file.get(), static_cast<mode_t>(mode));
        done_.bytes += entry.size;
        return {};
    }

    Result<> copy(const PackHead& head, const PackEntry& entry, int to) {
        SLUICE_TRY(SeekableReader * content, blob(head, entry.blob));
        for (std::int64_t at = 0; at < entry.size;) {
            const auto most = static_cast<std::size_t>(
                std::min<std::int64_t>(entry.size - at, static_cast<std::int64_t>(k_block)));
            SLUICE_TRY(const std::string_view piece, content->read(entry.at + at, most));
            if (piece.empty())
                return error(Code::invalid, "archive_corrupt",
                             fmt::format("\"{}\" is cut off", entry.path));
            SLUICE_CHECK(files::write_at(to, piece, at));
            at += static_cast<std::int64_t>(piece.size());
            if (options_.stopped && options_.stopped())
                return error(Code::unavailable, "interrupted", "interrupted");
        }
        return {};
    }

    Result<> put_link(const std::string& path, const std::string& to) {
        SLUICE_TRY(const int parent, parent_of(path));
        const std::string name = path.substr(path.rfind('/') + 1);
        if (options_.replace && ::unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT)
            return files::errno_error(errno, path);
        if (::symlinkat(to.c_str(), parent, name.c_str()) == 0) return {};
        if (errno == EEXIST)
            return error(Code::conflict, "archive_duplicate",
                         fmt::format("\"{}\" is there already", path));
        return files::errno_error(errno, path);
    }

    const UnpackOptions& options_;
    files::Fd root_, parent_;
    std::string parent_path_;
    std::map<std::int64_t, Fetched> open_;
    std::uint64_t uses_ = 0;
    bool head_checked_ = false;
    std::vector<std::pair<std::string, std::string>> links_;
    Unpacked done_;
};

}  // namespace

Result<Unpacked> unpack(const Blob& manifest, const UnpackOptions& options) {
    return Unpacker(options).run(manifest);
}

Result<> check_blob(const files::Path& file, const Blob& blob) {
    SLUICE_TRY(const files::Fd fd, files::open(file, O_RDONLY));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return files::errno_error(errno, file.string());
    crypto::Sha256 digest;
    const bool fits = status.st_size == blob.stored;
    if (fits) SLUICE_CHECK(crypto::digest_file(fd.get(), blob.stored, digest));
    if (!fits || digest.finish_hex() != blob.sha256)
        return error(Code::conflict, "digest_mismatch",
                     "the bytes of a blob are not those of its digest");
    return {};
}

Result<> each_entry(SeekableReader& manifest, const protocol::PackLimits& limits,
                    const std::function<Result<bool>(const PackHead&, const PackEntry&)>& take) {
    protocol::ManifestReader reader(limits);
    bool has_head = false;
    std::string line;
    for (std::int64_t at = 0;;) {
        SLUICE_TRY(std::string_view piece, manifest.read(at, k_block));
        if (piece.empty()) break;
        at += static_cast<std::int64_t>(piece.size());
        while (!piece.empty()) {
            const auto end = piece.find('\n');
            line.append(piece.substr(0, end));
            if (line.size() > k_line_max)
                return error(Code::invalid, "archive_corrupt",
                             "a line of the manifest is too long");
            if (end == std::string_view::npos) break;
            piece.remove_prefix(end + 1);
            if (!std::exchange(has_head, true)) {
                SLUICE_CHECK(reader.head(line));
            } else {
                SLUICE_TRY(const PackEntry entry, reader.entry(line));
                SLUICE_TRY(const bool more, take(reader.head(), entry));
                if (!more) return {};
            }
            line.clear();
        }
    }
    if (!has_head || !line.empty())
        return error(Code::invalid, "archive_corrupt", "the manifest is cut off");
    return reader.finish();
}

namespace {

/// The line that begins at `at`, without its end.
Result<std::string> line_at(SeekableReader& manifest, std::int64_t at) {
    std::string out;
    while (true) {
        SLUICE_TRY(const std::string_view piece, manifest.read(at, k_block));
        const auto end = piece.find('\n');
        out.append(piece.substr(0, end));
        if (end != std::string_view::npos) return out;
        if (piece.empty() || out.size() > k_line_max)
            return error(Code::invalid, "archive_corrupt", "the manifest is cut off");
        at += static_cast<std::int64_t>(piece.size());
    }
}

Result<std::string> path_in(const std::string& line) {
    auto value = json::parse(line, {.bytes = k_line_max, .depth = 4});
    const json::Value* path =
        value && value->is_object() ? value->as_object().if_contains("path") : nullptr;
    if (path == nullptr || !path->is_string())
        return error(Code::invalid, "archive_corrupt", "the manifest is damaged");
    return std::string(path->as_string());
}

}  // namespace

Result<FoundEntry> find_entry(SeekableReader& manifest, std::int64_t bytes, std::string_view path) {
    protocol::ManifestReader reader;
    SLUICE_TRY(const std::string head, line_at(manifest, 0));
    SLUICE_CHECK(reader.head(head));
    // Lines begin at `low` and at every place behind a line end; what is wanted is in [low, high).
    std::int64_t low = static_cast<std::int64_t>(head.size()) + 1, high = bytes;
    while (low < high) {
        std::int64_t at = low;
        if (high - low > 4096) {
            at = low + (high - low) / 2;
            SLUICE_TRY(const std::string rest, line_at(manifest, at));
            at += static_cast<std::int64_t>(rest.size()) + 1;
            if (at >= high) at = low;
        }
        SLUICE_TRY(const std::string line, line_at(manifest, at));
        SLUICE_TRY(const std::string here, path_in(line));
        if (here == path) {
            SLUICE_TRY(PackEntry entry, reader.entry(line));
            return FoundEntry{reader.head(), std::move(entry)};
        }
        const std::int64_t behind = at + static_cast<std::int64_t>(line.size()) + 1;
        if (here < path)
            low = behind;
        else if (at == low)
            break;
        else
            high = at;
    }
    return error(Code::not_found, "not_found", "there is no such file", "path");
}

}  // namespace sluice::packs
