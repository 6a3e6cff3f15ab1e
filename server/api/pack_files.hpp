#pragma once
/// The files of a pack for replies: lists of its manifest, one file of many, stored blobs. What a
/// manifest says is checked against the blobs that the pack was kept with.

#include "platform/packs/seekable.hpp"
#include "server/api/api.hpp"
#include "server/store/packs.hpp"

namespace sluice::api {

struct PackPage {
    json::Array files;
    std::string next;  ///< the path behind which the next page begins; "" = this was the last
};
struct PackQuery {
    std::string folder;  ///< "" = all, else `a/b/`
    std::string after;   ///< paths in byte order behind this one
    bool flat = false;   ///< all files below; else folders stand for what is in them
    std::size_t limit = 1000;
};
/// Blob pool.
Result<PackPage> pack_page(const blobs::BlobStore& blobs, const protocol::PackRef& pack,
                           const PackQuery& query);

/// A file of a pack, open for reading.
struct PackFile {
    protocol::PackEntry entry;
    std::shared_ptr<packs::SeekableReader> content;
};
/// Blob pool. not_found when the pack has no such file.
Result<PackFile> find_pack_file(const blobs::BlobStore& blobs, const protocol::PackRef& pack,
                                std::string_view path);

/// 200, 206 or 416: the file as an attachment that no browser runs (T12).
Reply pack_file_reply(Api& api, PackFile file, std::string_view range);
/// A blob of the pack as it is stored; Range.
awaitable<Reply> pack_blob_reply(Api& api, protocol::PackRef pack, std::string digest,
                                 std::string range);
/// A blob as it is stored; Range.
awaitable<Reply> blob_reply(Api& api, std::string digest, std::int64_t stored,
                            std::string content_type, std::string range);
/// The headers of something that people download under a name.
void as_attachment(Reply& reply, std::string_view name);

}  // namespace sluice::api
