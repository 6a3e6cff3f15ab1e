#pragma once
/// Packs: sets of files as they are stored and travel (docs/decisions/0016). A pack is a manifest
/// and the blobs that it names. Both are blobs: content-addressed by the SHA-256 of their stored
/// bytes, which are zstd in the seekable format (platform/packs/seekable.hpp), so that one file can
/// be read out of many without the rest. Pure, any thread.
///
/// A manifest is text: a JSON object per line, first the head, then the entries by path, each path
/// after the one before it in byte order:
///
///     {"pack":1,"files":2,"bytes":30,"blobs":[{"sha256":"…","stored":20,"bytes":30}]}
///     {"path":"bin/tool","size":10,"x":true,"blob":0,"at":0}
///     {"path":"empty","dir":true}
///     {"path":"link","to":"bin/tool"}
///
/// Manifests come from foreign hands: what a reader gets passed the rules T1 to T11 of the security
/// study. Errors say `archive_path_escape`, `archive_link`, `archive_type`, `archive_quota`,
/// `archive_duplicate`, `archive_corrupt` or `bad_artifact_name`.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace sluice::protocol {

/// 64 hex digits in lower case.
bool is_blob_digest(std::string_view text);

struct Blob {
    std::string sha256;       ///< of the stored bytes
    std::int64_t stored = 0;  ///< bytes as they are kept
    std::int64_t bytes = 0;   ///< unpacked
    bool operator==(const Blob&) const = default;
};

struct PackHead {
    std::int64_t files = 0;  ///< entries of any type
    std::int64_t bytes = 0;  ///< of the files, unpacked
    std::vector<Blob> blobs;
    bool operator==(const PackHead&) const = default;
};

struct PackEntry {
    enum class Type { file, dir, link };
    Type type = Type::file;
    std::string path;  ///< relative, `/` between its parts
    bool executable = false;
    std::int64_t size = 0;
    std::int64_t blob = 0;  ///< index in PackHead::blobs
    std::int64_t at = 0;    ///< where it begins in the unpacked blob
    std::string to;         ///< of a link
    bool operator==(const PackEntry&) const = default;
};

/// What a reader accepts at most (T7).
struct PackLimits {
    std::int64_t entries = 1'000'000;
    std::int64_t bytes = 256LL << 30;
    std::int64_t blobs = 100'000;
    std::int64_t ratio = 1000;              ///< unpacked to stored bytes, beyond `free_bytes`
    std::int64_t free_bytes = 256LL << 20;  ///< so many may be unpacked from anything
};

/// Line without its end.
std::string head_line(const PackHead& head);
std::string entry_line(const PackEntry& entry);

/// A path of an entry: refused with `bad_artifact_name` (T11) or `archive_path_escape` (T1).
Result<> check_pack_path(std::string_view path);
/// Where a link of that path may point: inside, and not by a way through others (T3).
Result<> check_pack_link(std::string_view path, std::string_view to);

/// Reads a manifest line by line and refuses what the rules refuse. Keeps a hash per entry, no
/// text: its memory is bounded by PackLimits::entries.
class ManifestReader {
public:
    explicit ManifestReader(PackLimits limits = {}) : limits_(limits) {}

    /// The first line.
    Result<> head(std::string_view line);
    const PackHead& head() const { return head_; }
    /// Every further one.
    Result<PackEntry> entry(std::string_view line);
    /// After the last: refused when entries are missing.
    Result<> finish() const;

private:
    Result<> follow(const PackEntry& entry);
    Result<> weigh(const PackEntry& entry);

    PackLimits limits_;
    PackHead head_;
    std::int64_t entries_ = 0, bytes_ = 0;
    std::string last_;
    std::unordered_set<std::uint64_t> names_;          // of all paths, in lower case
    std::unordered_set<std::uint64_t> files_, links_;  // what has no children
};

/// What people and jobs call a pack.
enum class PackKind { artifact, output, cache };

/// A pack as a runner announces it with its finish and as it is handed out.
struct PackRef {
    PackKind kind = PackKind::artifact;
    std::string name;  ///< of the artifact or output; the key of a cache
    Blob manifest;
    std::int64_t files = 0;  ///< entries
    std::int64_t bytes = 0;  ///< unpacked
    std::vector<Blob> blobs;
    bool single = false;  ///< it is one file, not a folder
    bool operator==(const PackRef&) const = default;
};

json::Value to_json(const Blob& blob);
Result<Blob> blob_from_json(const json::Value& value, std::string pointer);
json::Value to_json(const PackRef& pack);
Result<PackRef> pack_from_json(const json::Value& value, std::string pointer);

inline constexpr std::size_t k_packs_max = 200;  ///< of one attempt
inline constexpr std::int64_t k_blob_max = 1LL << 40;

// The calls of an attempt that deal in packs, beside those of protocol/agent.hpp.
// clang-format off
/// | call | body → reply |
/// |---|---|
/// | HEAD attempts/{id}/blobs/{sha256} | → 200: there is no need to send it; 404 with Upload-Offset: so much of it came |
/// | PUT attempts/{id}/blobs/{sha256}  | bytes from Upload-Offset on, Upload-Length: all → 201; 409 offset_mismatch, digest_mismatch |
/// | GET attempts/{id}/inputs/{name}   | → InputReply |
/// | GET attempts/{id}/inputs/{name}/{sha256} | bytes of a blob of that input; Range |
/// | POST attempts/{id}/cache          | CacheRequest → CacheReply |
/// | GET attempts/{id}/cache/{pack}/{sha256} | bytes of a blob of a cache that was offered; Range |
// clang-format on
inline constexpr const char* k_upload_length = "Upload-Length";

/// One pack of an input: `JOB[*].OUT` has one per cell.
struct InputPack {
    std::string folder;  ///< "" = the input is this pack; else its folder in the input
    PackRef pack;
};
struct InputReply {
    std::string from;  ///< for people: `output data of prepare, run 12`
    std::vector<InputPack> packs;
};
struct CacheRequest {
    std::string key;
    std::vector<std::string> restore;  ///< prefixes
};
struct CacheReply {
    std::int64_t pack = 0;  ///< 0 = there is none
    std::string key;        ///< of what was found
    bool exact = false;     ///< `key` is the one that was asked for
    std::string from;       ///< for people
    PackRef content;
};
json::Value to_json(const InputReply& value);
Result<InputReply> parse_input(const json::Value& value);
json::Value to_json(const CacheRequest& value);
Result<CacheRequest> parse_cache(const json::Value& value);
json::Value to_json(const CacheReply& value);
Result<CacheReply> parse_cache_reply(const json::Value& value);

}  // namespace sluice::protocol

namespace sluice {
SLUICE_ENUM_NAMES(protocol::PackKind, "artifact", "output", "cache");
}  // namespace sluice
