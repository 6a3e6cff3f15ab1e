// Bytes as a file that may be a pointer of Git LFS → what is accepted has a digest and a size that
// fit into a path and a request, and is the one text that says so.
#include "pipelines/protocol/lfs.hpp"
#include "pipelines/protocol/packs.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto parsed = protocol::parse_lfs_pointer(text);
    if (!parsed) {
        require(parsed.error().id == "lfs_bad_pointer" && text.starts_with("version https://"));
        return 0;
    }
    if (!*parsed) return 0;
    const protocol::LfsPointer& pointer = **parsed;
    require(protocol::is_blob_digest(pointer.sha256) && pointer.size >= 0);
    require(text.size() <= protocol::k_lfs_pointer_max);
    require(text.substr(text.find('\n') + 1) ==
            "oid sha256:" + pointer.sha256 + "\nsize " + std::to_string(pointer.size) + "\n");
    return 0;
}
