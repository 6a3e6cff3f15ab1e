#include "server/api/pack_files.hpp"

#include "platform/http_client.hpp"
#include "platform/packs/pack_reader.hpp"
#include "server/http/range.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::api {

namespace {

using protocol::PackEntry;
using protocol::PackHead;

using Content = std::shared_ptr<packs::SeekableReader>;

Result<Content> open_blob(const blobs::BlobStore& blobs, const protocol::Blob& blob) {
    SLUICE_TRY(blobs::OpenBlob opened, blobs.open(blob.sha256, blob.stored));
    SLUICE_TRY(packs::SeekableReader reader,
               packs::SeekableReader::open(std::move(opened.get), blob.stored, blob.bytes));
    return std::make_shared<packs::SeekableReader>(std::move(reader));
}

json::Object to_json(const PackEntry& entry, std::string path) {
    json::Object out{{"path", std::move(path)},
                     {"type", entry.type == PackEntry::Type::file  ? "file"
                              : entry.type == PackEntry::Type::dir ? "dir"
                                                                   : "link"},
                     {"size", entry.size}};
    if (entry.executable) out["executable"] = true;
    if (entry.type == PackEntry::Type::link) out["to"] = entry.to;
    return out;
}

/// Collects a page; entries come by path.
class Page {
public:
    explicit Page(const PackQuery& query) : query_(query) {}

    /// False when the page is full.
    bool add(const PackEntry& entry) {
        if (!entry.path.starts_with(query_.folder)) return true;
        const auto slash = entry.path.find('/', query_.folder.size());
        if (query_.flat || slash == std::string::npos) {
            // A folder that stands for itself has nothing in it.
            return put(entry.path, entry.path, to_json(entry, entry.path));
        }
        const std::string folder = entry.path.substr(0, slash);
        // All below a folder come one after another, and `/` sorts by itself.
        if (folder == folder_) {
            if (current_ != SIZE_MAX) count(entry);
            return true;
        }
        folder_ = folder;
        current_ = SIZE_MAX;
        if (!query_.after.empty() && folder + "/" <= query_.after + "/") return true;
        if (!put(folder, folder,
                 json::Object{{"path", folder}, {"type", "dir"}, {"size", 0}, {"files", 0}}))
            return false;
        current_ = page_.files.size() - 1;
        count(entry);
        return true;
    }
    PackPage take() { return std::move(page_); }

private:
    bool put(const std::string& path, const std::string& cursor, json::Object item) {
        if (!query_.after.empty() && path <= query_.after) return true;
        if (page_.files.size() == query_.limit) {
            page_.next = last_;
            return false;
        }
        page_.files.push_back(std::move(item));
        last_ = cursor;
        return true;
    }
    void count(const PackEntry& entry) {
        json::Object& folder = page_.files[current_].as_object();
        folder["size"] = folder["size"].as_int64() + entry.size;
        folder["files"] = folder["files"].as_int64() + 1;
    }

    const PackQuery& query_;
    PackPage page_;
    std::string folder_, last_;
    std::size_t current_ = SIZE_MAX;
};

constexpr std::int64_t k_piece = 256 * 1024;

Result<std::string> piece_of(const packs::GetAt& get, std::int64_t at, std::int64_t end) {
    return get(at, static_cast<std::size_t>(std::min(end - at, k_piece)));
}

/// The stored bytes of a blob that is elsewhere; what was read last is not fetched again.
http::Producer pieces(Api& api, packs::GetAt get, std::int64_t begin, std::int64_t end) {
    return [&api, get = std::move(get), begin, end](http::StreamWriter& out) -> awaitable<void> {
        for (std::int64_t at = begin; at < end && !out.closed();) {
            auto read = [&get, at, end] { return piece_of(get, at, end); };
            auto piece = co_await runtime::run_on(api.blob_pool, std::move(read));
            // A part must not pass for the whole: who throws cuts the connection.
            if (!piece) throw UnexpectedError(piece.error());
            at += static_cast<std::int64_t>(piece->size());
            if (!co_await out.write(std::move(*piece))) co_return;
        }
    };
}

}  // namespace

Result<PackPage> pack_page(const blobs::BlobStore& blobs, const protocol::PackRef& pack,
                           const PackQuery& query) {
    SLUICE_TRY(const Content manifest, open_blob(blobs, pack.manifest));
    Page page(query);
    const auto take = [&](const PackHead&, const PackEntry& entry) -> Result<bool> {
        return page.add(entry);
    };
    SLUICE_CHECK(packs::each_entry(*manifest, {}, take));
    return page.take();
}

Result<PackFile> find_pack_file(const blobs::BlobStore& blobs, const protocol::PackRef& pack,
                                std::string_view path) {
    SLUICE_TRY(const Content manifest, open_blob(blobs, pack.manifest));
    SLUICE_TRY(packs::FoundEntry found, packs::find_entry(*manifest, pack.manifest.bytes, path));
    if (found.entry.type != PackEntry::Type::file)
        return error(Code::not_found, "not_found", "it is no file", "path");
    std::optional<protocol::Blob> blob;
    if (found.entry.size > 0) blob = found.head.blobs[static_cast<std::size_t>(found.entry.blob)];
    PackFile out{std::move(found.entry), {}};
    if (!blob) return out;
    // A manifest may name any digest: it opens what the pack was kept with, and nothing else.
    if (std::find(pack.blobs.begin(), pack.blobs.end(), *blob) == pack.blobs.end())
        return error(Code::not_found, "not_found", "the file's bytes are none of the pack", "path");
    SLUICE_TRY(out.content, open_blob(blobs, *blob));
    return out;
}

void as_attachment(Reply& reply, std::string_view name) {
    reply.headers.emplace_back(
        "Content-Disposition",
        fmt::format("attachment; filename*=UTF-8''{}", http_client::percent_encode(name)));
    reply.headers.emplace_back("Content-Security-Policy", "sandbox");
}

Reply pack_file_reply(Api& api, PackFile file, std::string_view range) {
    const auto choice = http::parse_range(range, file.entry.size);
    if (choice.kind == http::RangeChoice::Kind::unsatisfiable) {
        Reply reply = http::error_reply(
            error(Code::invalid, "bad_range", "one range of the file is needed", "range"));
        reply.status = 416;
        reply.headers.emplace_back("Content-Range", http::content_range(choice, file.entry.size));
        return reply;
    }
    const bool part = choice.kind == http::RangeChoice::Kind::part;
    const std::int64_t begin = part ? choice.offset : 0;
    const std::int64_t end = part ? choice.offset + choice.length : file.entry.size;
    Reply reply{part ? 206 : 200, "application/octet-stream", {}, std::string{}};
    reply.headers.emplace_back("Accept-Ranges", "bytes");
    if (part)
        reply.headers.emplace_back("Content-Range", http::content_range(choice, file.entry.size));
    const auto slash = file.entry.path.rfind('/');
    as_attachment(reply, std::string_view(file.entry.path).substr(slash + 1));
    if (!file.content) return reply;
    reply.body = http::Producer([&api, file = std::move(file), begin,
                                 end](http::StreamWriter& out) -> awaitable<void> {
        for (std::int64_t at = begin; at < end && !out.closed();) {
            auto read = [&file, at, end]() -> Result<std::string> {
                const auto most = std::min<std::int64_t>(end - at, 256 * 1024);
                SLUICE_TRY(const std::string_view piece,
                           file.content->read(file.entry.at + at, static_cast<std::size_t>(most)));
                return std::string(piece);
            };
            auto piece = co_await runtime::run_on(api.blob_pool, std::move(read));
            // A part must not pass for the whole: who throws cuts the connection.
            if (!piece) throw UnexpectedError(piece.error());
            if (piece->empty()) throw std::runtime_error("a file of a pack is cut off");
            at += static_cast<std::int64_t>(piece->size());
            if (!co_await out.write(std::move(*piece))) co_return;
        }
    });
    return reply;
}

awaitable<Reply> blob_reply(Api& api, std::string digest, std::int64_t stored,
                            std::string content_type, std::string range) {
    auto open = [&api, &digest, stored] { return api.blobs.open(digest, stored); };
    auto opened = co_await runtime::run_on(api.disk, std::move(open));
    if (!opened) co_return http::error_reply(opened.error());
    Reply reply = http::file_reply(opened->fd, stored, content_type, range);
    if (const auto* file = std::get_if<http::FileBody>(&reply.body); file && !file->fd) {
        const std::int64_t begin = file->offset, end = begin + file->length;
        // The first piece before the reply: that the store can't be reached has a status of its
        // own.
        auto fetch = [get = opened->get, begin, end] { return piece_of(get, begin, end); };
        auto first = co_await runtime::run_on(api.blob_pool, std::move(fetch));
        if (!first) co_return http::error_reply(first.error());
        reply.body = pieces(api, std::move(opened->get), begin, end);
    }
    co_return reply;
}

awaitable<Reply> pack_blob_reply(Api& api, protocol::PackRef pack, std::string digest,
                                 std::string range) {
    const protocol::Blob* blob = pack.manifest.sha256 == digest ? &pack.manifest : nullptr;
    for (const protocol::Blob& one : pack.blobs)
        if (one.sha256 == digest) blob = &one;
    if (blob == nullptr)
        co_return http::error_reply(
            error(Code::not_found, "not_found", "the pack has no such blob", "sha256"));
    auto reply = co_await blob_reply(api, digest, blob->stored, "application/zstd", range);
    if (reply.status < 300) as_attachment(reply, digest + ".zst");
    co_return reply;
}

}  // namespace sluice::api
