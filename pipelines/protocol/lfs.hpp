#pragma once
/// Files of Git LFS as they are in a commit, and how a runner gets their bytes (decision 0031).
/// Pure, any thread.
///
/// A pointer is what git keeps instead of the file (the specification of Git LFS, version 1):
///
///     version https://git-lfs.github.com/spec/v1
///     oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
///     size 12345

#include "pipelines/base/json.hpp"
#include "pipelines/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::protocol {

struct LfsPointer {
    std::string sha256;     ///< of the file, 64 hex digits in lower case
    std::int64_t size = 0;  ///< of the file
    bool operator==(const LfsPointer&) const = default;
};

/// Larger files are none, whatever they begin with.
inline constexpr std::size_t k_lfs_pointer_max = 1024;

/// Nothing when the text is no pointer but a file of its own. What begins as one and breaks the
/// grammar is refused with `lfs_bad_pointer`: keys in order, one space, one newline, no more.
Result<std::optional<LfsPointer>> parse_lfs_pointer(std::string_view text);

/// A file of a commit that is kept by Git LFS.
struct LfsFile {
    std::string path;  ///< from the top of its repository
    LfsPointer pointer;
    bool operator==(const LfsFile&) const = default;
};

inline constexpr std::size_t k_lfs_files_max = 50'000;  ///< of one commit

// The calls of an attempt, beside those of protocol/agent.hpp.
// clang-format off
/// | call | body → reply |
/// |---|---|
/// | POST attempts/{id}/lfs         | LfsRequest → LfsReply; the server fetches what it lacks, and answers at the latest after `wait` |
/// | GET attempts/{id}/lfs/{sha256} | bytes of an object that is there; Range |
// clang-format on
struct LfsRequest {
    std::string submodule{};  ///< path of the submodule whose files are wanted; "" = the job's own
    Duration wait{0};         ///< for the objects to be there
};
struct LfsReply {
    std::vector<LfsFile> files;
    bool ready = false;  ///< all objects are there
};
json::Value to_json(const LfsRequest& value);
Result<LfsRequest> parse_lfs(const json::Value& value);
json::Value to_json(const LfsReply& value);
Result<LfsReply> parse_lfs_reply(const json::Value& value);

}  // namespace sluice::protocol
