#pragma once
/// What goes through the pipe between the server and a git worker. A frame is two little-endian
/// 32-bit sizes, then JSON, then raw bytes: file contents and paths may be anything, and the
/// configuration parser wants to see their bad bytes.

#include "pipelines/base/result.hpp"
#include "server/git/git_service.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::git::wire {

constexpr std::size_t k_header_bytes = 8;
constexpr std::uint32_t k_max_json_bytes = 4u << 20;
constexpr std::uint32_t k_max_raw_bytes = 64u << 20;

struct Sizes {
    std::uint32_t json = 0;
    std::uint32_t raw = 0;
};

/// Nothing when a size is over its limit: the stream is not a stream of frames any more.
std::optional<Sizes> parse_header(const std::array<char, k_header_bytes>& header);

/// The first frame of a worker's life; it has no reply.
struct Setup {
    std::vector<files::Path> local_roots;
    std::vector<std::string> allowed_hosts;
    files::Path ssh_key;
    std::uint64_t pack_cache_bytes = 0;
    std::int64_t deadline_ms = 0;
};

enum class Op { snapshot, resolve, pack, changes, file, submodules, lfs };

struct Request {
    Op op = Op::snapshot;
    std::string path;  ///< the repository in place, or the mirror's folder
    std::string url;   ///< the mirror's source; "" = in place
    std::string username;
    std::string password;
    std::string sha;  ///< "" = what `ref` points to
    std::string base;
    bool use_merge_base = false;
    std::string fallback_branch{};
    std::string ref;
    bool refresh = false;             ///< fetch the mirror first, even if it has what is asked for
    std::string pack;                 ///< for pack: the folder to write to
    std::vector<std::string> have{};  ///< for pack, as PackWish
    bool history = false;             ///< for pack, as PackWish
    std::vector<std::string> branches{};  ///< for pack, as PackWish
    std::string file{};                   ///< for file: its path in the commit
    bool cached_only = false;             ///< never fetch
    bool tree = false;                    ///< for snapshot: list the commit's files in any case
};

/// A refusal travels as its Error; the reply of `resolve` is a snapshot with `sha` alone, that of
/// `file` has the one file or none, that of `submodules` a file for each with `<commit> <url>` as
/// text, that of `lfs` one for each with `<sha256> <size>` and `.lfsconfig` as the one fragment or
/// none, that of `pack` the pack's path as its one file, and `base`.
using Reply = Result<Snapshot>;

std::string encode(const Setup& setup);
std::string encode(const Request& request);
std::string encode(const Reply& reply);

/// Decoders of trusted bytes (both ends are this program); refused with `git_worker_died` when they
/// are damaged.
Result<Setup> decode_setup(std::string_view json);
Result<Request> decode_request(std::string_view json);
Reply decode_reply(std::string_view json, std::string_view raw);

}  // namespace sluice::git::wire

namespace sluice {
SLUICE_ENUM_NAMES(git::wire::Op, "snapshot", "resolve", "pack", "changes", "file", "submodules",
                  "lfs");
}  // namespace sluice
