#pragma once
/// Reads packs: all of it into a folder, or one file of it. What comes is foreign: the rules T1 to
/// T11 of the security study hold (pipelines/protocol/packs.hpp), nothing is written through a
/// link, and digests are checked before anything is unpacked. Blocking, one thread.

#include "pipelines/protocol/packs.hpp"
#include "platform/files.hpp"
#include "platform/packs/seekable.hpp"

#include <functional>
#include <optional>

namespace sluice::packs {

/// Brings the stored bytes of a blob into the file (which it creates); it need not check them.
using Fetch = std::function<Result<>(const protocol::Blob& blob, const files::Path& file)>;

struct UnpackOptions {
    files::Path to;       ///< a folder; files that are there are refused, folders are not
    files::Path scratch;  ///< a folder for blobs that are being unpacked: two at a time
    Fetch fetch;
    /// The blobs that the pack was said to have; a manifest that names others is refused.
    std::vector<protocol::Blob> blobs;
    std::function<bool()> stopped = {};
    protocol::PackLimits limits = {};
    bool replace = false;     ///< files that are there are replaced
    bool read_only = false;   ///< files get no write bits
    std::string single_name;  ///< of a pack with one file: what the file is called instead
};

struct Unpacked {
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    std::string first;  ///< path of the first entry
};

Result<Unpacked> unpack(const protocol::Blob& manifest, const UnpackOptions& options);

/// Gives the lines of a manifest one after another; ends early when `take` says false.
Result<> each_entry(
    SeekableReader& manifest, const protocol::PackLimits& limits,
    const std::function<Result<bool>(const protocol::PackHead&, const protocol::PackEntry&)>& take);

/// One entry with the head, found by halves, as a manifest is in order: of a hundred thousand some
/// twenty are looked at. Code not_found when there is none of that path. `bytes` of the manifest.
struct FoundEntry {
    protocol::PackHead head;
    protocol::PackEntry entry;
};
Result<FoundEntry> find_entry(SeekableReader& manifest, std::int64_t bytes, std::string_view path);

/// Refused with `digest_mismatch` when the file is not the blob.
Result<> check_blob(const files::Path& file, const protocol::Blob& blob);

}  // namespace sluice::packs
